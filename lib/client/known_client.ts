/** Which client this program is to an authorization server that knows it already. */

import type { StoredOAuthClientInformation } from "@modelcontextprotocol/client";
import type { ClientContext } from "./context.ts";
import type { ServerRecord } from "./server_record.ts";

/**
 * The client to use at an issuer: the one the user named, else the one registered there.
 *
 * @param record what is known of the server.
 * @param issuer the authorization server.
 */
export function clientFor(
  { settings }: ClientContext,
  record: ServerRecord | undefined,
  issuer: string,
): StoredOAuthClientInformation | undefined {
  return settings.clientId === undefined
    ? record?.issuers[issuer]?.registration?.client
    : { client_id: settings.clientId, client_secret: settings.clientSecret, issuer };
}
