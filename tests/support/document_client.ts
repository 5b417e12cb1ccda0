/** Clients with a metadata document, and what they do. */

import assert from "node:assert/strict";
import {
  approve,
  authorizationUrl,
  createPkce,
  post,
  REDIRECT_URI,
  type Tokens,
} from "./oauth_client.ts";
import type { World } from "./world.ts";

/** Where the client keeps its document. */
export const CLIENT_ID = "https://app.example/oauth/client.json";

/** A document nothing is wrong with. */
export const DOCUMENT = {
  client_id: CLIENT_ID,
  client_name: "Example App",
  redirect_uris: [REDIRECT_URI],
};

/** Puts a document, or something else, where a client says it is. */
export function publish(
  world: World,
  document: unknown = DOCUMENT,
  { url = CLIENT_ID, ...init }: ResponseInit & { url?: string } = {},
): void {
  world.documents.set(url, () => Response.json(document, init));
}

/** What `/authorize` answers a program. */
export async function authorize(
  world: World,
  parameters: Record<string, string | undefined> = {},
): Promise<{ status: number; error?: string; message?: string }> {
  const { challenge } = createPkce();
  const url = authorizationUrl({ client_id: CLIENT_ID, code_challenge: challenge, ...parameters });
  const response = await world.fetch(url, { redirect: "manual" });
  if (response.status === 200) return { status: 200 };
  const { error, error_description: message } = await response.json();
  return { status: response.status, error, message };
}

/** From the consent page to tokens. */
export async function signInByDocument(world: World): Promise<Tokens> {
  const { verifier, challenge } = createPkce();
  const url = authorizationUrl({ client_id: CLIENT_ID, code_challenge: challenge });
  const end = new URL((await approve(world.browser(), url)).url);
  const response = await post(world, "/token", {
    grant_type: "authorization_code",
    client_id: CLIENT_ID,
    code: end.searchParams.get("code") ?? "",
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  });
  assert.equal(response.status, 200);
  return await response.json();
}

/** Exchanges the refresh token of such a client. */
export function refreshByDocument(world: World, tokens: Tokens): Promise<Response> {
  return post(world, "/token", {
    grant_type: "refresh_token",
    client_id: CLIENT_ID,
    refresh_token: tokens.refresh_token,
  });
}
