/**
 * JSON documents of clients, kept as long as HTTP says and this server's own bounds allow
 * (RFC 9111 §5.2; client id metadata document draft §4.4; MCP 2026-07-28, AS-21).
 */

import { OAuthError, UnavailableError } from "../errors.ts";
import { readMediaType } from "../media_type.ts";
import { createAddressLimiter, createRateLimiter, type RateLimit } from "../rate_limit.ts";
import type { FetchDocument } from "./safe_fetch.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/**
 * Even `no-store` is kept for a minute: a sign-in asks at least twice, and otherwise anybody could
 * have this server fetch from a stranger's as often as they like.
 */
const MIN_FRESH = MINUTE;
const MAX_FRESH = 24 * 60 * MINUTE;
const DEFAULT_FRESH = 5 * MINUTE;

/** A failure is remembered this long, for the same reason. */
const FAILURE_MEMORY = 30 * SECOND;

/** The least recently used documents go first. */
const MAX_ENTRIES = 1000;

/** Documents fetched from one host. A host with more clients than that has them cached. */
const FETCHES_PER_HOST: RateLimit = { burst: 100, perMinute: 60 };

/** Documents fetched for one address. Names in front of a domain are free, so hosts alone bound nothing. */
const FETCHES_PER_CALLER: RateLimit = { burst: 100, perMinute: 60 };

/** What {@link createDocumentCache} needs. */
export interface DocumentCacheOptions<Value> {
  fetchDocument: FetchDocument;
  /** What the documents are, to begin a message with. */
  name: string;
  maxBytes: number;
  /** Judges a parsed document; throws {@link OAuthError} for one that is not kept. */
  read: (url: URL, json: unknown) => Value;
  now: () => number;
}

/** Fetches documents by URL; one fetch at a time for each. */
export interface DocumentCache<Value> {
  /**
   * @param maxAge a copy that is older is fetched again, in milliseconds.
   * @param caller address of whoever wants it fetched.
   * @throws {OAuthError} `invalid_client` when there is no such document or it is not acceptable.
   * @throws {UnavailableError} when it cannot be had now.
   * @throws {RateLimitedError} when too many were fetched from its host, or for this caller.
   */
  get(url: URL, options?: { maxAge?: number; caller?: string }): Promise<Value>;
}

interface Entry<Value> {
  value: Promise<Value>;
  loadedAt: number;
  expiresAt: number;
}

/** Makes an empty cache. */
export function createDocumentCache<Value>(
  { fetchDocument, name, maxBytes, read, now }: DocumentCacheOptions<Value>,
): DocumentCache<Value> {
  const entries = new Map<string, Entry<Value>>();
  // Whoever sends made-up client ids must not have this server call one host without end.
  const limitHost = createRateLimiter(FETCHES_PER_HOST, now);
  const limitCaller = createAddressLimiter(FETCHES_PER_CALLER, now);

  const fetchAndRead = async (url: URL): Promise<{ value: Value; freshFor: number }> => {
    const response = await fetchDocument(url, maxBytes);
    const value = read(url, await readJson(name, response));
    return { value, freshFor: computeFreshness(response.headers) };
  };

  const load = (url: URL): Entry<Value> => {
    const loading = fetchAndRead(url);
    const value = loading.then(({ value }) => value);
    // Until it is there it does not expire: whoever comes meanwhile waits for it.
    const entry = { value, loadedAt: now(), expiresAt: Infinity };
    const keep = (duration: number) => void (entry.expiresAt = now() + duration);
    loading.then(({ freshFor }) => keep(freshFor), () => keep(FAILURE_MEMORY));
    return entry;
  };

  return {
    async get(url, { maxAge = Infinity, caller } = {}) {
      const known = entries.get(url.href);
      const usable = known && known.expiresAt > now() && now() - known.loadedAt <= maxAge;
      if (!usable) {
        if (caller !== undefined) limitCaller(caller);
        limitHost(url.host);
      }
      const entry = usable ? known : load(url);
      // Insertion order is the order of use.
      entries.delete(url.href);
      entries.set(url.href, entry);
      for (const oldest of entries.keys()) {
        if (entries.size <= MAX_ENTRIES) break;
        entries.delete(oldest);
      }
      return await entry.value;
    },
  };
}

/** Only status 200 counts (later drafts of the metadata document, §4.3), and only JSON. */
async function readJson(name: string, response: Response): Promise<unknown> {
  const { status } = response;
  const refuse = (problem: string): never => {
    throw new OAuthError("invalid_client", `${name} ${problem}.`, 401);
  };
  if (status >= 500 || status === 429 || status === 408) {
    throw new UnavailableError(
      "client_metadata_unavailable",
      `${name} is answered with ${status}.`,
    );
  }
  if (status >= 300 && status < 400) refuse("redirects elsewhere, which is not followed");
  if (status !== 200) refuse(`is answered with status ${status}, not 200`);
  const type = readMediaType(response.headers);
  if (!/^application\/(?:[\w.-]+\+)?json$/.test(type)) refuse("is not served as application/json");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await response.bytes()));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return refuse("is not valid JSON");
  }
}

/**
 * How long a response may be used without asking again, in milliseconds.
 *
 * @param headers of a response from a server that is not trusted with our memory or our load.
 */
export function computeFreshness(headers: Headers): number {
  const directives = (headers.get("cache-control") ?? "").toLowerCase().split(",")
    .map((directive) => directive.trim());
  if (directives.includes("no-store") || directives.includes("no-cache")) return MIN_FRESH;
  const maxAge = directives.map((directive) => /^max-age="?(\d+)"?$/.exec(directive)?.[1])
    .find((seconds) => seconds !== undefined);
  if (maxAge === undefined) return DEFAULT_FRESH;
  const age = /^\d+$/.exec(headers.get("age") ?? "0")?.[0] ?? 0;
  const fresh = (Number(maxAge) - Number(age)) * SECOND;
  return Math.min(Math.max(fresh, MIN_FRESH), MAX_FRESH);
}
