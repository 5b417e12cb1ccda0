/** Whether this machine and the servers agree on the time. */

import type { Exchange } from "./answer.ts";
import { type Finding, ok, skipped, warning } from "./finding.ts";

/** Difference that is reported, in seconds. */
const MAX_DIFFERENCE = 30;

/**
 * Compares the clock with the `Date` of the answers (RFC 9110 §6.6.1), less the time they spent in
 * a cache. Expiry is counted from `expires_in`, so a wrong clock is not fatal here; but it breaks
 * certificates and signed assertions.
 *
 * @param exchanges what has been answered.
 */
export function checkClock(exchanges: Exchange[]): Finding {
  const differences = new Map<string, number>();
  for (const exchange of exchanges) {
    const difference = measureDifference(exchange);
    if (difference !== undefined) differences.set(exchange.url.origin, difference);
  }
  const origins = [...differences.keys()].join(", ");
  if (differences.size === 0) return skipped("clock", "Date headers", "no server told the time");
  const off = [...differences].filter(([, seconds]) => Math.abs(seconds) > MAX_DIFFERENCE);
  const [first] = off;
  if (!first) return ok("clock", origins, `within ${MAX_DIFFERENCE} seconds of this machine's`);
  const [origin, seconds] = first;
  const direction = seconds > 0 ? "ahead of" : "behind";
  // One clock against several: the odd one is wrong.
  const isOurs = off.length === differences.size;
  return warning("clock", origins, `${Math.abs(seconds)} seconds apart`, {
    code: "clock_skew",
    message: `The clock of ${origin} is ${Math.abs(seconds)} seconds ${direction} this machine's.`,
    fault: isOurs ? "you" : "mcp_server",
    advice: isOurs
      ? "Set this machine's clock, for example with NTP. If it is right, tell whoever runs the server."
      : "Tell whoever runs it.",
  });
}

/** Seconds by which the server is ahead; the answer's time on the way counts for neither side. */
function measureDifference({ headers, sent, received }: Exchange): number | undefined {
  const date = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(date)) return undefined;
  const told = date + (Number(headers.get("age")) || 0) * 1000;
  if (told > received) return Math.round((told - received) / 1000);
  return told < sent ? Math.round((told - sent) / 1000) : 0;
}
