/** Making and comparing what must not be guessed. */

import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Compares two secrets in constant time.
 *
 * @param actual what somebody sent.
 * @param expected what it has to be.
 */
export function equalSecrets(actual: string, expected: string): boolean {
  return timingSafeEqual(sha256(actual), sha256(expected));
}

/**
 * The S256 challenge of a PKCE verifier (RFC 7636 §4.2).
 *
 * @param verifier the verifier as text.
 */
export function deriveCodeChallenge(verifier: string): string {
  return sha256(verifier).toString("base64url");
}

function sha256(text: string) {
  return createHash("sha256").update(text).digest();
}
