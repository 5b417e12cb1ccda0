/** Renews tokens, and decides by the kind of failure what is lost and what is kept. */

import {
  type OAuthDiscoveryState,
  OAuthError,
  OAuthErrorCode,
  refreshAuthorization,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { issuerOf, tokenRequestOptions } from "./discovery.ts";
import { describeOAuthError, isTransient } from "./failure.ts";
import { clientFor } from "./known_client.ts";
import { toOAuthFailure } from "./malformed_answer.ts";
import { createTokenFetch } from "./oauth_fetch.ts";
import { expiryOf } from "./oauth_provider.ts";
import { sanitizeLine } from "./sanitize.ts";
import { withoutRegistration, withoutTokens, withTokens } from "./server_record.ts";
import { updateRecord } from "./token_cache.ts";

/** What became of an attempt to renew tokens. */
export interface Renewal {
  /** Whether the cache now holds new ones. */
  isRenewed: boolean;
  /** Why the sign-in has ended, if the authorization server said so; what it ended was dropped. */
  reason?: string;
}

/**
 * Renews the tokens of an authorization server. The SDK's `auth()` would go on to an interactive
 * sign-in whenever a refresh fails; here only the authorization server's own "no" leads there.
 *
 * @throws {CommandError} when the authorization server cannot say now, or refuses for a reason that
 *   is not the end of the sign-in; everything was kept.
 */
export async function refreshTokens(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
): Promise<Renewal> {
  const { cache, serverUrl, log, now } = context;
  const issuer = issuerOf(discovery);
  const record = await cache.read(serverUrl.href);
  const client = clientFor(context, record, issuer);
  const old = record?.issuers[issuer]?.tokens;
  const refreshToken = old?.tokens.refresh_token;
  if (refreshToken === undefined || !client || client.client_id !== old?.client_id) {
    return { isRenewed: false };
  }
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
    return { isRenewed: true };
  } catch (error) {
    if (!(error instanceof OAuthError)) throw toOAuthFailure(error);
    const isClientUnknown = error.code === OAuthErrorCode.InvalidClient;
    if (!isClientUnknown && error.code !== OAuthErrorCode.InvalidGrant) {
      throw isTransient(error.code) ? toOAuthFailure(error) : refreshRefused(serverUrl, error);
    }
    log.debug("refresh_refused", { issuer, error: error.code });
    await updateRecord(cache, serverUrl.href, (present) => {
      const rest = withoutTokens(present, issuer, refreshToken);
      return isClientUnknown ? withoutRegistration(rest, issuer, client.client_id) : rest;
    });
    return { isRenewed: false, reason: sanitizeLine(error.message).replace(/\.$/, "") };
  }
}

/** It says nothing of the tokens, so they stay: a person decides whether to give them up. */
function refreshRefused(serverUrl: URL, error: OAuthError): CommandError {
  const code = sanitizeLine(error.code, 60);
  return new CommandError(
    code,
    `The authorization server does not renew the sign-in to ${serverUrl.href} (${
      describeOAuthError(error)
    }). Tell whoever runs it, or give this sign-in up with "deno task client logout" and sign in anew.`,
    ExitCode.notAuthorized,
    { cause: error },
  );
}
