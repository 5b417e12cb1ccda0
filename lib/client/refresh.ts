/** Renews tokens, and decides by the kind of failure what is lost and what is kept. */

import {
  type OAuthDiscoveryState,
  OAuthError,
  OAuthErrorCode,
  refreshAuthorization,
} from "@modelcontextprotocol/client";
import type { ClientContext } from "./context.ts";
import { issuerOf, tokenRequestOptions } from "./discovery.ts";
import { isTransient } from "./failure.ts";
import { clientFor } from "./known_client.ts";
import { toOAuthFailure } from "./malformed_answer.ts";
import { createTokenFetch } from "./oauth_fetch.ts";
import { expiryOf } from "./oauth_provider.ts";
import { withoutRegistration, withoutTokens, withTokens } from "./server_record.ts";
import { updateRecord } from "./token_cache.ts";

/**
 * Renews the tokens of an authorization server. The SDK's `auth()` would go on to an interactive
 * sign-in whenever a refresh fails; here only the authorization server's own "no" leads there.
 *
 * @returns whether the cache now holds new tokens. `false`: there was nothing to renew, or the
 *   authorization server refused; what it called dead has been dropped.
 * @throws {CommandError} when the authorization server cannot say now; everything was kept.
 */
export async function refreshTokens(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
): Promise<boolean> {
  const { cache, serverUrl, log, now } = context;
  const issuer = issuerOf(discovery);
  const record = await cache.read(serverUrl.href);
  const client = clientFor(context, record, issuer);
  const old = record?.issuers[issuer]?.tokens;
  const refreshToken = old?.tokens.refresh_token;
  if (refreshToken === undefined || !client || client.client_id !== old?.client_id) return false;
  try {
    const tokens = await refreshAuthorization(discovery.authorizationServerUrl, {
      ...tokenRequestOptions(discovery),
      clientInformation: client,
      refreshToken,
      fetchFn: createTokenFetch(context),
    });
    await updateRecord(
      cache,
      serverUrl.href,
      (present) =>
        withTokens(present, issuer, {
          ...old,
          // An answer without scopes means the same ones as before (RFC 6749 §6).
          tokens: { ...tokens, scope: tokens.scope ?? old.tokens.scope, issuer },
          expires_at: expiryOf(tokens, now()),
        }),
    );
    log.debug("tokens_refreshed", { issuer });
    return true;
  } catch (error) {
    if (!(error instanceof OAuthError) || isTransient(error.code)) throw toOAuthFailure(error);
    log.debug("refresh_refused", { issuer, error: error.code });
    await updateRecord(cache, serverUrl.href, (present) => {
      switch (error.code) {
        case OAuthErrorCode.InvalidClient:
        case OAuthErrorCode.UnauthorizedClient:
          return withoutRegistration(
            withoutTokens(present, issuer, refreshToken),
            issuer,
            client.client_id,
          );
        case OAuthErrorCode.InvalidGrant:
          return withoutTokens(present, issuer, refreshToken);
        default:
          // Renewing does not work here, but the access token may: it stays until it is replaced.
          return present;
      }
    });
    return false;
  }
}
