/** The answer to an authorization request (RFC 6749 §4.1.2, RFC 9207 §2; MCP 2026-07-28, AS-20). */

import { describeOutage, type OAuthError, UnavailableError } from "../errors.ts";
import { appendToRedirectUri } from "./redirect_uri.ts";

/** What the client is told: a code or an error, and its `state` if it sent one. */
export interface AuthorizationResponse {
  state?: string;
  code?: string;
  error?: OAuthError | UnavailableError;
}

/**
 * Writes the answer into the client's redirect URI, with `iss` whatever happened.
 *
 * @param redirectUri checked before.
 * @param issuer this server.
 */
export function buildResponseUrl(
  redirectUri: string,
  issuer: string,
  { state, code, error }: AuthorizationResponse,
): string {
  return appendToRedirectUri(redirectUri, {
    code,
    error: error instanceof UnavailableError ? "temporarily_unavailable" : error?.code,
    error_description: error instanceof UnavailableError ? describeOutage(error) : error?.message,
    state,
    iss: issuer,
  });
}

/**
 * Sends the browser back to the client.
 *
 * @param redirectUri checked before.
 * @param issuer this server.
 */
export function redirectToClient(
  redirectUri: string,
  issuer: string,
  response: AuthorizationResponse,
): Response {
  const location = buildResponseUrl(redirectUri, issuer, response);
  // 303, so that a form that was posted here is not posted on (RFC 9700 §4.12).
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-store" } });
}
