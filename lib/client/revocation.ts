/** Ends a sign-in at the authorization server (RFC 7009). */

import { clientFor } from "./known_client.ts";
import { createOAuthFetch } from "./oauth_fetch.ts";
import { selectClientAuthMethod } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { ClientContext } from "./context.ts";
import { findServerMetadata, issuerOf, readRevocationMetadata } from "./discovery.ts";
import { sanitizeLine } from "./sanitize.ts";
import type { ServerRecord, TokenSet } from "./server_record.ts";
import { checkNamedUrl } from "./server_url.ts";

/**
 * Revokes the refresh token, which takes the access tokens along (RFC 7009 §2.1), or the access
 * token where there is no other.
 *
 * @param context see {@link ClientContext}.
 * @param record what is known of the server.
 * @param issuer the authorization server the tokens are of.
 * @param set the tokens.
 * @returns whether they are revoked. `false`: the authorization server offers no revocation.
 * @throws {CommandError} when it cannot be reached, or refuses.
 */
export async function revokeTokens(
  context: ClientContext,
  record: ServerRecord,
  issuer: string,
  { tokens, client_id }: TokenSet,
): Promise<boolean> {
  const fetchFn = createOAuthFetch(context);
  const metadata = record.discovery && issuerOf(record.discovery) === issuer
    ? record.discovery.authorizationServerMetadata
    : await findServerMetadata(context, issuer);
  const { revocation_endpoint: address, revocation_endpoint_auth_methods_supported: own } =
    readRevocationMetadata(metadata);
  if (address === undefined) return false;
  const endpoint = checkNamedUrl(address, "revocation endpoint", context.serverUrl);
  const known = clientFor(context, record, issuer);
  // Without the secret of a client that was named by hand, only the id can be shown.
  const client = known?.client_id === client_id ? known : { client_id };
  const secret = client.client_secret ?? "";
  const methods = own ?? metadata?.token_endpoint_auth_methods_supported ?? [];
  const body = new URLSearchParams({
    token: tokens.refresh_token ?? tokens.access_token,
    token_type_hint: tokens.refresh_token === undefined ? "access_token" : "refresh_token",
  });
  const headers = new Headers({ accept: "application/json" });
  const method = selectClientAuthMethod(client, methods);
  if (method === "client_secret_basic") {
    // RFC 6749 §2.3.1: both parts are form-encoded first.
    const encode = (text: string) => new URLSearchParams({ "": text }).toString().slice(1);
    headers.set("authorization", `Basic ${btoa(`${encode(client_id)}:${encode(secret)}`)}`);
  } else {
    body.set("client_id", client_id);
    if (method === "client_secret_post") body.set("client_secret", secret);
  }
  // Redirects are not followed: the token would go along.
  const response = await fetchFn(endpoint, { method: "POST", headers, body, redirect: "manual" });
  const answer = await response.text();
  if (!response.ok) throw refusal(issuer, response.status, answer);
  return true;
}

function refusal(issuer: string, status: number, answer: string): CommandError {
  const error = parseJson(answer);
  const reason = typeof error === "object" && error !== null
    ? Reflect.get(error, "error_description") ?? Reflect.get(error, "error")
    : undefined;
  return new CommandError(
    "revocation_refused",
    `${sanitizeLine(issuer)} refuses to end the sign-in (HTTP ${status}${
      typeof reason === "string" ? `: ${sanitizeLine(reason, 200)}` : ""
    }).`,
    ExitCode.notAuthorized,
  );
}
