/** A fresh pair of tokens: what the client is told, and what the store keeps. */

import { Buffer } from "node:buffer";
import type { Config } from "../config.ts";
import { SessionEndedError } from "../errors.ts";
import type { TokenIssue } from "../store/store.ts";
import { computeLifetimes } from "./lifetimes.ts";
import { encodeBase64Url, type Random } from "./random.ts";
import { deriveBytes, seal, unseal } from "./sealing.ts";
import { formatRefreshToken, formatToken, hashToken } from "./tokens.ts";

/** The answer of `/token` (RFC 6749 §5.1). */
export interface TokenResponse {
  access_token: string;
  token_type: "Bearer";
  /** Seconds. */
  expires_in: number;
  scope: string;
  refresh_token?: string;
}

/** What {@link createTokenIssuer} needs. */
export interface TokenIssuerOptions {
  config: Pick<Config, "accessTokenTtl" | "refreshTokenTtl">;
  now: () => number;
  random: Random;
  /** See {@link formatRefreshToken}. */
  checksumKey: Uint8Array;
}

/** What tokens are made of. */
export interface TokenRequest {
  grantId: string;
  /** The grant's key, wrapped anew for each token. */
  key: Uint8Array;
  scope: string;
  /** When the tokens came into being, in epoch milliseconds: now, or at a rotation that is shared. */
  issuedAt: number;
  accessSecret: Uint8Array;
  /** Absent for a client that registered without refresh tokens. */
  refreshSecret?: Uint8Array | undefined;
}

/** Makes a function that prepares tokens; nothing is stored by it. */
export function createTokenIssuer(
  { config, now, random, checksumKey }: TokenIssuerOptions,
): (request: TokenRequest) => { response: TokenResponse; issue: TokenIssue } {
  return ({ grantId, key, scope, issuedAt, accessSecret, refreshSecret }) => {
    const ends = computeLifetimes(issuedAt, config, refreshSecret !== undefined);
    const row = (token: string, expiresAt: number) => ({
      hash: hashToken(token),
      wrappedKey: wrapKey(token, key, random),
      expiresAt,
    });
    const accessToken = formatToken("access", grantId, accessSecret);
    const refreshToken = refreshSecret && formatRefreshToken(grantId, refreshSecret, checksumKey);
    return {
      response: {
        access_token: accessToken,
        token_type: "Bearer",
        expires_in: Math.ceil((ends.accessToken - now()) / 1000),
        scope,
        ...(refreshToken && { refresh_token: refreshToken }),
      },
      issue: {
        grantId,
        accessToken: { ...row(accessToken, ends.accessToken), scope },
        ...(refreshToken && { refreshToken: row(refreshToken, ends.refreshToken) }),
        grantExpiresAt: ends.refreshToken,
        clientExpiresAt: ends.client,
      },
    };
  };
}

/** Seals a grant's key so that only the bearer of a token can have it opened. */
export function wrapKey(token: string, key: Uint8Array, random: Random): string {
  return seal(deriveBytes(token, "grant key"), encodeBase64Url(key), hashToken(token), random);
}

/**
 * Opens what {@link wrapKey} made.
 *
 * @throws {SessionEndedError} when the row was tampered with.
 */
export function unwrapKey(token: string, wrapped: string): Uint8Array {
  const key = unseal(deriveBytes(token, "grant key"), wrapped, hashToken(token));
  if (key === undefined) throw new SessionEndedError("The grant's key cannot be unwrapped.");
  return Buffer.from(key, "base64url");
}
