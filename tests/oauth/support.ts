/** Steps that the tests of the token endpoint share. */

import {
  approve,
  authorizationUrl,
  createPkce,
  post,
  REDIRECT_URI,
  register,
} from "../support/oauth_client.ts";
import type { World } from "../support/world.ts";

/** Everything up to a code: the client, and the form that redeems it. */
export async function getCode(
  world: World,
  metadata: Record<string, unknown> = {},
): Promise<
  {
    client: Awaited<ReturnType<typeof register>>;
    form: Record<string, string> & { client_id: string };
  }
> {
  const client = await register(world, metadata);
  const { verifier, challenge } = createPkce();
  const url = authorizationUrl({ client_id: client.client_id, code_challenge: challenge });
  const code = new URL((await approve(world.browser(), url)).url).searchParams.get("code") ?? "";
  const form = {
    grant_type: "authorization_code",
    client_id: client.client_id,
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  };
  return { client, form };
}

/** Exchanges a refresh token. */
export function refresh(
  world: World,
  clientId: string,
  refreshToken: string,
  more: Record<string, string> = {},
): Promise<Response> {
  return post(world, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: refreshToken,
    ...more,
  });
}

/** Status and error code of an answer. */
export async function errorOf(response: Response): Promise<string> {
  return `${response.status} ${(await response.json()).error}`;
}

/** Changes the organization that WorkOS is asked for at a renewal, as if it answered for that one. */
export function renewFor(world: World, organizationId: string | undefined): void {
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    const body = { ...await request.json(), organization_id: organizationId };
    const { url, method, headers } = request;
    return await world.emulator.fetch(
      new Request(url, { method, headers, body: JSON.stringify(body) }),
    );
  };
}
