/**
 * The keys an issuer signs its tokens with. They are fetched when first needed, fetched again when
 * they are old or a token names another one, and serve on while they cannot be fetched.
 *
 * Written here rather than left to `jose`, which reads the clock by itself, turns everybody away once
 * its keys are too old to be fetched again, or else never notices that one was withdrawn.
 */

import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { UnavailableError } from "../errors.ts";
import { fetchDocument } from "./fetch_document.ts";
import { loadOnce, RETRY_PAUSE } from "./load_once.ts";

/** After so long, in milliseconds, it is looked whether a key was withdrawn; nobody waits for it. */
const REFRESH_AGE = 480_000;

/**
 * After so long, in milliseconds, it is waited for, unless it has failed within as long: in an outage
 * that is known, everybody is served at once by the keys there are.
 */
const MAX_AGE = 540_000;

/** Anybody can make up a key id, so for those the keys are fetched once in so many milliseconds. */
const COOLDOWN = 30_000;

/** Keys of one issuer. */
export interface KeySet {
  /**
   * Fetches the keys if there are none yet.
   *
   * @throws {UnavailableError} when they cannot be had.
   */
  prepare(): Promise<void>;
  /**
   * Finds the key of a token, for `jwtVerify`.
   *
   * @throws {UnavailableError} when it is not known and the keys cannot be had.
   * @throws {errors.JWKSNoMatchingKey} when there is none.
   */
  find: JWTVerifyGetKey;
}

/** Keys as they were at a moment. */
interface Keys {
  find: JWTVerifyGetKey;
  fetchedAt: number;
}

/**
 * Makes a key set. Nothing is fetched yet.
 *
 * @param url of the JWK Set (RFC 7517 §5).
 */
export function createKeySet(
  url: string,
  { fetch, now }: { fetch: typeof globalThis.fetch; now: () => number },
): KeySet {
  let keys: Keys | undefined;
  let failure: { error: unknown; at: number } | undefined;
  let pending: Promise<Keys> | undefined;

  const load = async (): Promise<Keys> => {
    try {
      const { status, body } = await fetchDocument(url, fetch);
      const loaded = { find: readKeys(url, status, body), fetchedAt: now() };
      keys = loaded;
      failure = undefined;
      return loaded;
    } catch (error) {
      failure = { error, at: now() };
      throw error;
    } finally {
      pending = undefined;
    }
  };
  const reload = (): Promise<Keys> => pending ??= load();
  const loadFirst = loadOnce(reload, now);
  const hasFailedWithin = (duration: number) =>
    failure !== undefined && now() - failure.at < duration;

  const getKeys = async (): Promise<Keys> => {
    const current = keys ?? await loadFirst();
    const age = now() - current.fetchedAt;
    if (age < REFRESH_AGE || hasFailedWithin(RETRY_PAUSE)) return current;
    const isOutageKnown = hasFailedWithin(MAX_AGE);
    // If it fails, the known keys stay, and it is tried again.
    const renewed = reload().catch(() => current);
    return age < MAX_AGE || isOutageKnown ? current : await renewed;
  };

  return {
    async prepare() {
      if (!keys) await loadFirst();
    },

    async find(header, token) {
      const { find, fetchedAt } = await getKeys();
      try {
        return await find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        if (hasFailedWithin(RETRY_PAUSE)) throw failure?.error;
        if (now() - fetchedAt < COOLDOWN) throw error;
        return await (await reload()).find(header, token);
      }
    },
  };
}

function readKeys(url: string, status: number, body: unknown): JWTVerifyGetKey {
  try {
    if (status === 200) {
      const find = createLocalJWKSet(body as JSONWebKeySet);
      // An empty set is somebody's mistake, and would turn everybody away.
      if (find.jwks().keys.length > 0) return find;
    }
  } catch (error) {
    if (!(error instanceof errors.JWKSInvalid)) throw error;
  }
  throw new UnavailableError("workos_unavailable", `There are no keys at ${url} (${status}).`);
}
