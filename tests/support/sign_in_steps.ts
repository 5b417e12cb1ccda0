/** A sign-in and the use of its tokens, with a moment between any two steps. */

import assert from "node:assert/strict";
import { createScriptedBrowser, type Page } from "../../lib/demo/scripted_browser.ts";
import { authorizationUrl, createPkce, REDIRECT_URI, type Tokens } from "./oauth_client.ts";
import { SERVER } from "./world.ts";

/** Reaches server and WorkOS by URL. */
type Fetch = (request: Request) => Promise<Response>;

/** What a client holds after signing in. */
export interface SignedIn {
  clientId: string;
  tokens: Tokens;
}

/** Moments between steps of {@link signInByStep}: after registering, the pages, each request. */
export const MOMENTS = 7;

/**
 * Registers, signs in, redeems the code, calls, refreshes and calls again.
 *
 * @param between is called with the number of the moment, from 0.
 */
export async function signInByStep(
  fetch: Fetch,
  between: (moment: number) => Promise<void> = async () => {},
): Promise<SignedIn> {
  const registration = await fetch(
    new Request(`${SERVER}/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
    }),
  );
  const { client_id: clientId } = await registration.json();
  await between(0);
  const { verifier, challenge } = createPkce();
  const browser = createScriptedBrowser({ fetch, stopAt: (url) => url.startsWith(REDIRECT_URI) });
  const url = authorizationUrl({ client_id: clientId, code_challenge: challenge });
  const consent = await browser.visit(url);
  await between(1);
  const login = await browser.submit(consent, { decision: "approve" });
  await between(2);
  const code = readCode(await browser.submit(login, { email: "alice@acme.test" }));
  await between(3);
  const first = await requestTokens(fetch, {
    grant_type: "authorization_code",
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  });
  assert.equal(first.status, 200);
  const { access_token, refresh_token }: Tokens = await first.json();
  await between(4);
  assert.equal((await ping(fetch, access_token)).status, 200);
  await between(5);
  const second = await refreshTokens(fetch, clientId, refresh_token);
  assert.equal(second.status, 200);
  const tokens: Tokens = await second.json();
  await between(6);
  assert.equal((await ping(fetch, tokens.access_token)).status, 200);
  return { clientId, tokens };
}

/** Calls `/mcp`. */
export function ping(fetch: Fetch, accessToken: string): Promise<Response> {
  return fetch(
    new Request(`${SERVER}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        authorization: `Bearer ${accessToken}`,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
    }),
  );
}

/** Exchanges a refresh token. */
export function refreshTokens(
  fetch: Fetch,
  clientId: string,
  refreshToken: string,
): Promise<Response> {
  const form = { grant_type: "refresh_token", client_id: clientId, refresh_token: refreshToken };
  return requestTokens(fetch, form);
}

function requestTokens(fetch: Fetch, form: Record<string, string>): Promise<Response> {
  const body = new URLSearchParams(form);
  return fetch(new Request(`${SERVER}/token`, { method: "POST", body }));
}

function readCode({ url, text }: Page): string {
  const code = new URL(url).searchParams.get("code");
  const heading = /<h1>([^<]*)/.exec(text)?.[1];
  assert.ok(code && url.startsWith(REDIRECT_URI), `${new URL(url).pathname} says: ${heading}`);
  return code;
}
