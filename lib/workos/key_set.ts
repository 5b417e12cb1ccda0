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

/** After so long, in milliseconds, it is looked whether a key was withdrawn. */
const MAX_AGE = 600_000;

/** Anybody can make up a key id, so for those the keys are fetched once in so many milliseconds. */
const COOLDOWN = 30_000;

/** How long a failure counts before the keys are tried again, in milliseconds. */
const RETRY_PAUSE = 5000;

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

/**
 * Makes a key set. Nothing is fetched yet.
 *
 * @param url of the JWK Set (RFC 7517 §5).
 */
export function createKeySet(
  url: string,
  { fetch, now }: { fetch: typeof globalThis.fetch; now: () => number },
): KeySet {
  let keys: { find: JWTVerifyGetKey; fetchedAt: number } | undefined;
  let failure: { error: unknown; at: number } | undefined;
  let pending: Promise<JWTVerifyGetKey> | undefined;

  const load = async (): Promise<JWTVerifyGetKey> => {
    try {
      const { status, body } = await fetchDocument(url, fetch);
      const find = readKeys(url, status, body);
      keys = { find, fetchedAt: now() };
      failure = undefined;
      return find;
    } catch (error) {
      failure = { error, at: now() };
      throw error;
    } finally {
      pending = undefined;
    }
  };
  const reload = (): Promise<JWTVerifyGetKey> => pending ??= load();
  const hasJustFailed = () => failure !== undefined && now() - failure.at < RETRY_PAUSE;

  return {
    async prepare() {
      if (!keys) await reload();
    },

    async find(header, token) {
      if (!keys) return await (await reload())(header, token);
      const { find, fetchedAt } = keys;
      if (now() - fetchedAt >= MAX_AGE && !hasJustFailed()) {
        // Nobody waits for this. If it fails, the known keys stay, and it is tried again.
        reload().catch(() => undefined);
      }
      try {
        return await find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        if (hasJustFailed()) throw failure?.error;
        if (now() - fetchedAt < COOLDOWN) throw error;
        return await (await reload())(header, token);
      }
    },
  };
}

function readKeys(url: string, status: number, body: unknown): JWTVerifyGetKey {
  try {
    if (status === 200) return createLocalJWKSet(body as JSONWebKeySet);
  } catch (error) {
    if (!(error instanceof errors.JWKSInvalid)) throw error;
  }
  throw new UnavailableError("workos_unavailable", `There are no keys at ${url} (${status}).`);
}
