/** Which client this program is to an authorization server that knows it already. */

import type { StoredOAuthClientInformation } from "@modelcontextprotocol/client";
import type { ClientContext } from "./context.ts";
import type { PreRegisteredClient, ServerRecord } from "./server_record.ts";

/**
 * The client that the user registered by hand: the one named now, else the one that the tokens in
 * the cache came to, so that they can be renewed without naming it each time.
 *
 * @param record what is known of the server.
 * @param issuer the authorization server where a client that is new here belongs.
 * @returns the client, and the only authorization server that may see its secret.
 */
export function findNamedClient(
  { settings: { clientId, clientSecret, clientMetadataUrl } }: Pick<ClientContext, "settings">,
  record: ServerRecord | undefined,
  issuer: string,
): PreRegisteredClient | undefined {
  const kept = record?.pre_registered;
  if (clientId !== undefined) {
    return kept?.client_id === clientId
      ? { ...kept, client_secret: clientSecret ?? kept.client_secret }
      : { client_id: clientId, client_secret: clientSecret, issuer };
  }
  if (!kept || clientMetadataUrl !== undefined) return undefined;
  const tokens = record.issuers[kept.issuer]?.tokens;
  return tokens && tokens.client_id !== kept.client_id ? undefined : kept;
}

/**
 * The client to use at an issuer: the user's own, else the one registered there.
 *
 * @param record what is known of the server.
 * @param issuer the authorization server.
 */
export function clientFor(
  context: Pick<ClientContext, "settings">,
  record: ServerRecord | undefined,
  issuer: string,
): StoredOAuthClientInformation | undefined {
  const named = findNamedClient(context, record, issuer);
  if (!named) return record?.issuers[issuer]?.registration?.client;
  return named.issuer === issuer ? named : undefined;
}
