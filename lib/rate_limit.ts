/**
 * How often one address may do what anybody may do without signing in, and how often one grant may
 * call tools (MCP: servers must limit it). Generous, since whole companies and hosted clients come
 * from one address, and no more than a brake: what bounds the store is that unused rows expire.
 *
 * Written here rather than taken from a package: those at hand read the clock and set timers by
 * themselves, and this is a token bucket.
 */

import { isIPv6 } from "node:net";
import { RateLimitedError } from "./errors.ts";

/** What an address or a grant may do. */
export interface RateLimit {
  /** So many at once. */
  burst: number;
  /** Then so many a minute. */
  perMinute: number;
}

/** Messages to `/mcp`, by grant: far more than an agent makes, unless it runs in circles. */
export const CALLS: RateLimit = { burst: 1200, perMinute: 1200 };

/** Buckets kept at once; the one that was not used for longest goes first. */
const MAX_BUCKETS = 10_000;

/**
 * Makes a limiter.
 *
 * @param limit what each address or grant may do.
 * @param now clock, in epoch milliseconds.
 * @returns a function that counts uses by an address or grant id, one unless told, and throws {@link RateLimitedError} when
 *   it was one too many.
 */
export function createRateLimiter(
  { burst, perMinute }: RateLimit,
  now: () => number,
): (key: string, count?: number) => void {
  const buckets = new Map<string, { tokens: number; at: number }>();
  const perMillisecond = perMinute / 60_000;

  return (key, count = 1) => {
    const time = now();
    const bucket = buckets.get(key) ?? { tokens: burst, at: time };
    const tokens = Math.min(burst, bucket.tokens + (time - bucket.at) * perMillisecond);
    // Put in anew, so that the map stays in the order of last use. A refused attempt costs nothing.
    buckets.delete(key);
    buckets.set(key, tokens < count ? bucket : { tokens: tokens - count, at: time });
    if (buckets.size > MAX_BUCKETS) {
      for (const oldest of buckets.keys().take(1)) buckets.delete(oldest);
    }
    if (tokens >= count) return;
    throw new RateLimitedError(Math.ceil((count - tokens) / perMillisecond / 1000));
  };
}

/**
 * Makes a limiter by address. One customer of an IPv6 provider has at least a /64, which counts as
 * one address, and some have a /48, which counts as four.
 *
 * @param limit what each address may do.
 * @param now clock, in epoch milliseconds.
 */
export function createAddressLimiter(
  limit: RateLimit,
  now: () => number,
): (address: string) => void {
  const limitAddress = createRateLimiter(limit, now);
  const limitSite = createRateLimiter(
    { burst: limit.burst * 4, perMinute: limit.perMinute * 4 },
    now,
  );
  return (address) => {
    limitAddress(networkOf(address, 4));
    limitSite(networkOf(address, 3));
  };
}

/** An IPv6 address cut to its first groups of 16 bits; an IPv4 address as it is. */
function networkOf(address: string, size: number): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const groups = head.split(":").filter(Boolean);
  const rest = tail?.split(":").filter(Boolean) ?? [];
  const zeros = tail === undefined ? [] : Array<string>(8 - groups.length - rest.length).fill("0");
  return [...groups, ...zeros, ...rest].slice(0, size).map((group) => Number.parseInt(group, 16))
    .join(":");
}

/**
 * Finds the address that a request came from.
 *
 * @param request may have passed proxies.
 * @param peer address of the connection.
 * @param hops how many proxies in front are the operator's own. Each adds the address it was
 *   called from to the end of `X-Forwarded-For`; everything further left was written by strangers.
 */
export function findClientAddress(request: Request, peer: string, hops: number): string {
  if (hops === 0) return peer;
  const forwarded = request.headers.get("x-forwarded-for")?.split(",") ?? [];
  const chain = [...forwarded.map((part) => stripPort(part.trim())).filter(Boolean), peer];
  // Fewer than that means that it did not come through them: everything was written by a stranger.
  return chain.at(-1 - hops) ?? peer;
}

/** `192.0.2.1:443` and `[2001:db8::1]:443` are written by some proxies. */
function stripPort(address: string): string {
  return /^\[([0-9a-f:.]+)\](?::\d+)?$/i.exec(address)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(address)?.[1] ?? address;
}
