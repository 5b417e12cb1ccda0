/**
 * Opaque tokens: a readable prefix that secret scanners find and that tells the kind, the id of the
 * grant for logs, and 256 bits. Only their SHA-256 is stored, and each kind in a table of its own,
 * so that one is never accepted for another.
 *
 * A refresh token also carries a checksum under a key of the installation. It opens nothing; it
 * tells a token that was issued here and exchanged long ago, whose row is gone, from a made-up one.
 */

import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { encodeBase64Url, type Random } from "./random.ts";

/** What a token is for. */
export type TokenKind = "code" | "access" | "refresh";

const PREFIX: Record<TokenKind, string> = {
  code: "wmcp_ac_",
  access: "wmcp_at_",
  refresh: "wmcp_rt_",
};

/** 12 random bytes for the grant, 32 for the secret, 16 of checksum: lengths keep `_` unambiguous. */
const TOKEN = /^(wmcp_(?:ac|at|rt)_)([\w-]{16})_[\w-]{43}(_[\w-]{22})?$/;

/**
 * Makes the id of a new grant.
 *
 * @param random source of randomness.
 */
export function createGrantId(random: Random): string {
  return encodeBase64Url(random(12));
}

/**
 * Writes a code or an access token.
 *
 * @param kind what it is for.
 * @param grantId from {@link createGrantId}.
 * @param secret 32 bytes.
 */
export function formatToken(
  kind: "code" | "access",
  grantId: string,
  secret: Uint8Array,
): string {
  return `${PREFIX[kind]}${grantId}_${encodeBase64Url(secret)}`;
}

/**
 * Writes a refresh token.
 *
 * @param grantId from {@link createGrantId}.
 * @param secret 32 bytes.
 * @param checksumKey key of the installation.
 */
export function formatRefreshToken(
  grantId: string,
  secret: Uint8Array,
  checksumKey: Uint8Array,
): string {
  const body = `${PREFIX.refresh}${grantId}_${encodeBase64Url(secret)}`;
  return `${body}_${checksum(body, checksumKey)}`;
}

/**
 * Tells whether a text has the form of a token of this kind, before any look into the store.
 *
 * @param kind the only kind accepted.
 * @param text what a client sent.
 */
export function isToken(kind: TokenKind, text: string): boolean {
  const match = TOKEN.exec(text);
  return match?.[1] === PREFIX[kind] && (match[3] !== undefined) === (kind === "refresh");
}

/**
 * Finds the grant of a refresh token that was issued here, at any time.
 *
 * @returns undefined for anything else.
 */
export function readRefreshToken(text: string, checksumKey: Uint8Array): string | undefined {
  if (!isToken("refresh", text)) return undefined;
  const end = text.length - 22;
  const expected = checksum(text.slice(0, end - 1), checksumKey);
  const genuine = timingSafeEqual(Buffer.from(text.slice(end)), Buffer.from(expected));
  return genuine ? TOKEN.exec(text)?.[2] : undefined;
}

/**
 * The key of a token in the store: SHA-256, base64url. No salt is needed: nobody can try out
 * 256 random bits.
 *
 * @param text a token, or another 256-bit secret.
 */
export function hashToken(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function checksum(body: string, key: Uint8Array): string {
  const mac = createHmac("sha256", key).update(body).digest();
  return encodeBase64Url(new Uint8Array(mac).subarray(0, 16));
}
