/**
 * The signature of WorkOS's webhooks: `WorkOS-Signature: t=<milliseconds>, v1=<HMAC-SHA256, hex>` over
 * the time, a dot and the body as it came.
 *
 * Written here although the SDK has it: that one reads the clock by itself, and takes what is dated in
 * the future, which could be kept and sent again at any time.
 */

import { createHmac, timingSafeEqual } from "node:crypto";

/** How old, or how far ahead, a signature may be, in milliseconds; as WorkOS's SDK has it. */
const TOLERANCE = 180_000;

/** What is wrong with a signature. */
export type SignatureProblem = "unsigned" | "wrong_signature" | "too_old" | "from_future";

/**
 * Checks a signature.
 *
 * @param header value of `WorkOS-Signature`.
 * @param body as it came, before it is parsed.
 * @param now epoch milliseconds.
 * @returns what is wrong; undefined when it is WorkOS's and of now.
 */
export function findSignatureProblem(
  header: string | null,
  body: string,
  secret: string,
  now: number,
): SignatureProblem | undefined {
  const { time, digest } = /^t=(?<time>\d{1,16}), ?v1=(?<digest>[0-9a-f]{64})$/.exec(header ?? "")
    ?.groups ?? {};
  if (time === undefined || digest === undefined) return "unsigned";
  const expected = createHmac("sha256", secret).update(`${time}.${body}`).digest();
  if (!timingSafeEqual(expected, Uint8Array.fromHex(digest))) return "wrong_signature";
  if (Number(time) < now - TOLERANCE) return "too_old";
  return Number(time) > now + TOLERANCE ? "from_future" : undefined;
}
