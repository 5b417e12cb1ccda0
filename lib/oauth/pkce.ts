/** Proof Key for Code Exchange, S256 only (RFC 7636; `plain` would protect nothing). */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";

/** Whether a text can be an S256 challenge: 32 bytes as base64url (RFC 7636 §4.2). */
export function isChallenge(text: string): boolean {
  return /^[\w-]{43}$/.test(text);
}

/** The S256 challenge of a verifier (RFC 7636 §4.2). */
export function computeChallenge(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}

/**
 * Whether a verifier belongs to a challenge (RFC 7636 §4.6).
 *
 * @param verifier as sent to `/token`; 43 to 128 unreserved characters (§4.1).
 * @param challenge checked by {@link isChallenge} when it came.
 */
export function matchesChallenge(verifier: string, challenge: string): boolean {
  return /^[\w.~-]{43,128}$/.test(verifier) &&
    timingSafeEqual(Buffer.from(computeChallenge(verifier)), Buffer.from(challenge));
}
