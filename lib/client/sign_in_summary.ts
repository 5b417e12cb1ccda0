/** What may be told of a sign-in: everything but its tokens. */

import { sanitizeLine } from "./sanitize.ts";
import { currentTokens, grantedScope } from "./server_record.ts";
import type { CachedServer } from "./token_cache.ts";

/** A sign-in, without its secrets; the form in which `--json` prints it. */
export interface SignInSummary {
  server_url: string;
  /** The authorization server; null before the first sign-in. */
  issuer: string | null;
  signed_in: boolean;
  /** Who is signed in, if the server has said so. */
  account: string | null;
  /** Scopes, separated by spaces; null if nobody said. */
  scope: string | null;
  /** When the access token ends, in seconds since 1970; null if nobody said. */
  expires_at: number | null;
  /** Whether a new access token can be had without a person. */
  renewable: boolean;
  /** When the sign-in was last used, in seconds since 1970. */
  last_used_at: number | null;
}

/**
 * Describes a sign-in.
 *
 * @param server from the cache.
 */
export function summarize({ serverUrl, record, usedAt }: CachedServer): SignInSummary {
  const set = currentTokens(record);
  return {
    server_url: serverUrl,
    issuer: record.issuer ?? null,
    signed_in: set !== undefined,
    account: set?.account ?? null,
    scope: set && grantedScope(set) || null,
    expires_at: set?.expires_at ?? null,
    renewable: set?.tokens.refresh_token !== undefined,
    last_used_at: usedAt === undefined ? null : Math.floor(usedAt / 1000),
  };
}

/**
 * Describes each sign-in at a server: it may be at several authorization servers, of which one is
 * in use and comes first.
 *
 * @param server from the cache.
 */
export function summarizeAll(server: CachedServer): SignInSummary[] {
  const { record } = server;
  const others = Object.keys(record.issuers)
    .filter((issuer) => issuer !== record.issuer && record.issuers[issuer]?.tokens);
  const used = currentTokens(record) || others.length === 0 ? [record] : [];
  return [...used, ...others.map((issuer) => ({ ...record, issuer }))]
    .map((one) => summarize({ ...server, record: one }));
}

/**
 * When a sign-in ends, for people.
 *
 * @param summary the sign-in.
 * @param now milliseconds.
 */
export function describeExpiry(summary: SignInSummary, now: number): string {
  if (!summary.signed_in) return "not signed in";
  const { expires_at: end, renewable } = summary;
  const time = end === null ? "unknown" : describeTime(end, now);
  return renewable ? `${time}, renews itself` : time;
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/**
 * A moment seen from now: "in 12 minutes", "3 days ago".
 *
 * @param time seconds since 1970.
 * @param now milliseconds.
 */
export function describeTime(time: number, now: number): string {
  const distance = Math.round(time - now / 1000);
  const [unit, seconds] = UNITS.find(([, size]) => Math.abs(distance) >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" })
    .format(Math.trunc(distance / seconds), unit);
}

/** A value for people, or a dash. */
export function orDash(value: string | null): string {
  return sanitizeLine(value ?? "") || "-";
}
