/** Every lifetime in one place, so that nothing outlives what it points to. */

import type { Config } from "../config.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** An authorization code can be redeemed this long (RFC 9700 asks for 10 minutes at most). */
export const CODE_LIFETIME = 60 * SECOND;

/** A used code is remembered this long: a replay until then ends the grant it made. */
export const CODE_REPLAY_WINDOW = 10 * MINUTE;

/** From the consent page to the return from WorkOS (MCP 2026-07-28, CD-15). */
export const SIGN_IN_LIFETIME = 10 * MINUTE;

/**
 * A just-rotated refresh token still yields the same successor this long. Parallel requests, a lost
 * answer and its retry are no attack; most HTTP clients give up on an answer within 30 s. The cost:
 * within this time a stolen token and its owner look alike.
 */
export const ROTATION_GRACE = 60 * SECOND;

/** A registration that nobody has approved yet lives this long, which bounds what strangers store. */
export const UNAPPROVED_CLIENT_LIFETIME = DAY;

/** A registration outlives its last grant, so that signing in again needs no new one. */
export const CLIENT_AFTER_GRANT = 30 * DAY;

/** When each part of a grant ends, in epoch milliseconds. */
export interface Lifetimes {
  accessToken: number;
  /** Also of the grant: nothing reaches it later. */
  refreshToken: number;
  client: number;
}

/**
 * Computes the ends of everything that is issued at one moment. Each is at most the end of what it
 * points to: access token <= refresh token = grant < client.
 *
 * @param now epoch milliseconds.
 * @param config token lifetimes in seconds.
 * @param renewable false for a client without refresh tokens: its grant ends with its access token.
 */
export function computeLifetimes(
  now: number,
  config: Pick<Config, "accessTokenTtl" | "refreshTokenTtl">,
  renewable: boolean,
): Lifetimes {
  const accessToken = now + config.accessTokenTtl * SECOND;
  const refreshToken = renewable ? now + config.refreshTokenTtl * SECOND : accessToken;
  return { accessToken, refreshToken, client: refreshToken + CLIENT_AFTER_GRANT };
}
