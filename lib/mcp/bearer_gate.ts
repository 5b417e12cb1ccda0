/**
 * The gate in front of `/mcp`: nobody gets past it without a token for this server (RFC 6750;
 * MCP 2026-07-28, RS-4 to RS-11).
 */

import type { Caller } from "../caller.ts";
import type { Config } from "../config.ts";
import { OAuthError, renderOAuthError } from "../errors.ts";
import type { Log } from "../log.ts";
import { resourceMetadataUrl } from "../oauth/metadata.ts";
import { coversScope, resourceScopes } from "../oauth/scopes.ts";

/** For the people who try it with `curl`. */
const SIGN_IN = "Sign in first, then send the header Authorization: Bearer and the access token. " +
  "The WWW-Authenticate header of this answer says where to sign in.";

/** What {@link createBearerGate} needs. */
export interface BearerGateOptions {
  config: Pick<Config, "baseUrl" | "requiredScopes">;
  /** What knows the tokens: this server's grants, or AuthKit where that issues them. */
  tokens: {
    /**
     * Finds out who calls.
     *
     * @throws {OAuthError} `invalid_token`, or with status 403 for a person who may not come in.
     */
    authenticate(accessToken: string): Promise<Caller>;
  };
  log: Log;
}

/**
 * Makes the gate.
 *
 * @returns a function that lets a request through as its caller, or answers it with a challenge. It
 *   throws {@link UnavailableError} when it cannot be known now whether the token is still good.
 */
export function createBearerGate(
  { config, tokens, log }: BearerGateOptions,
): (request: Request) => Promise<Caller | Response> {
  const challenge = (status: number, error?: OAuthError): Response => {
    const parts = [
      ...(error ? [`error="${error.code}"`, `error_description="${quote(error.message)}"`] : []),
      // All that a request needs, at once (RS-15, RS-19).
      `scope="${resourceScopes(config.requiredScopes).join(" ")}"`,
      `resource_metadata="${resourceMetadataUrl(config)}"`,
    ];
    const body = error
      ? { error: error.code, error_description: error.message }
      : { error: "unauthorized", error_description: SIGN_IN };
    return Response.json(body, {
      status,
      headers: { "www-authenticate": `Bearer ${parts.join(", ")}`, "cache-control": "no-store" },
    });
  };

  return async (request) => {
    // Only the header counts: a token in a query ends up in logs (CL-10).
    const token = /^bearer +(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    // RFC 6750 §3.1: no error for a request that tried nothing.
    if (token === undefined) return challenge(401);
    if (/[\s,]/.test(token)) {
      return challenge(400, new OAuthError("invalid_request", "Send exactly one Bearer token."));
    }
    try {
      const caller = await tokens.authenticate(token);
      const missing = config.requiredScopes.filter((scope) => !coversScope(caller.scopes, scope));
      if (missing.length === 0) return caller;
      log.info("insufficient_scope", { grant_id: caller.grantId, missing: missing.join(" ") });
      const message = `The token lacks: ${missing.join(" ")}`;
      return challenge(403, new OAuthError("insufficient_scope", message, 403));
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      log.debug("token_refused", { error: error.code, message: error.message });
      // No other token would help whoever may not come in (RS-11).
      return error.status === 403 ? renderOAuthError(error) : challenge(401, error);
    }
  };
}

/** A message may repeat what a token claims; these are all the characters it may have (RFC 6750 §3). */
function quote(message: string): string {
  return message.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'");
}
