/** Token revocation (RFC 7009). */

import type { Clients } from "./clients.ts";
import type { Grants } from "./grants.ts";
import { readForm, readParameters } from "./parameters.ts";

/** What {@link createRevoke} needs. */
export interface RevokeOptions {
  clients: Clients;
  grants: Grants;
}

/**
 * Makes the handler of `POST /revoke`. A token that is unknown or another client's is answered like
 * one that was revoked (RFC 7009 §2.2), so that nobody can try tokens out.
 *
 * @returns a handler that throws {@link OAuthError} for a bad request or an unknown client.
 */
export function createRevoke(
  { clients, grants }: RevokeOptions,
): (request: Request, address: string) => Promise<Response> {
  return async (request, address) => {
    const parameters = readParameters(await readForm(request));
    const client = await clients.authenticate(request, parameters, address);
    await grants.revoke(client, parameters.require("token"));
    return new Response(null, { status: 200, headers: { "cache-control": "no-store" } });
  };
}
