/** Randomness as an argument, and the alphabet it is written in. */

import { Buffer } from "node:buffer";

/** Returns this many random bytes. */
export type Random = (bytes: number) => Uint8Array;

/**
 * Writes bytes as base64url without padding (RFC 4648 §5).
 *
 * @param bytes any bytes.
 */
export function encodeBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}
