/**
 * The WorkOS session behind a grant: sealed at rest, renewed when it has run out, by one request
 * at a time across all replicas, since WorkOS's refresh tokens work once.
 */

import {
  OAuthError,
  type OAuthErrorCode,
  SessionEndedError,
  SignInRefusedError,
  UnavailableError,
  UnverifiedRenewalError,
  WorkOSSetupError,
} from "../errors.ts";
import type { Log } from "../log.ts";
import type { GrantRow, Store } from "../store/store.ts";
import type { Identity, Upstream, UpstreamSession } from "../workos/upstream.ts";
import { endSession } from "./end_session.ts";
import { encodeBase64Url, type Random } from "./random.ts";
import { grantScopes, splitScope } from "./scopes.ts";
import { seal, unseal } from "./sealing.ts";

/**
 * How long one renewal holds its reservation, in milliseconds. Longer than all it may take, so that
 * a slow renewal is not doubled: 5 s each for discovery, keys, keys that have changed, the connection
 * and the renewal with each of two API keys, and 10 s to store the result. A holder that was killed
 * blocks its grant this long.
 */
const RENEWAL_LEASE = 45_000;

/** How long the others wait between looks, and how often they look, before they answer 503. */
const RENEWAL_POLL = 50;
const RENEWAL_POLLS = 200;

/** End of a session that WorkOS has renewed with an answer that could not be verified. */
const UNVERIFIED = 0;

/** How far apart a renewed session is tried to be stored, in milliseconds. */
const SAVE_PAUSE = 500;

/** What {@link createSessions} needs. */
export interface SessionsOptions {
  store: Store;
  upstream: Upstream;
  log: Log;
  now: () => number;
  random: Random;
  /** Waits, in milliseconds. */
  wait: (duration: number) => Promise<void>;
}

/** Keeps WorkOS sessions. */
export interface Sessions {
  /** Hides a session under its grant's key. */
  seal(grantId: string, key: Uint8Array, session: UpstreamSession): string;
  /** Reads who the person is, as WorkOS said at the last renewal. */
  readIdentity(grant: GrantRow, key: Uint8Array): Identity;
  /**
   * Renews the session if it has run out.
   *
   * @returns the grant as it is now.
   * @throws {UnavailableError} when WorkOS or the store does not answer; nothing has ended.
   * @throws {SessionEndedError} when the grant is gone, or has been ended because WorkOS no longer
   *   honours the session.
   */
  keepFresh(grant: GrantRow, key: Uint8Array): Promise<GrantRow>;
}

/** Makes the keeper of WorkOS sessions. */
export function createSessions(options: SessionsOptions): Sessions {
  const { store, upstream, log, now, random, wait } = options;
  /** Requests of this process that wait for the same renewal share it; gone when it is done. */
  const running = new Map<string, Promise<GrantRow>>();

  const context = (grantId: string) => `session ${grantId}`;
  const open = (grant: GrantRow, key: Uint8Array): UpstreamSession => {
    const text = unseal(key, grant.sealedSession, context(grant.id));
    if (text === undefined) {
      throw new SessionEndedError("The stored session cannot be opened with the grant's key.");
    }
    return JSON.parse(text);
  };
  const sealSession: Sessions["seal"] = (grantId, key, session) =>
    seal(key, JSON.stringify(session), context(grantId), random);

  /**
   * The session would be lost with what is not stored here, since WorkOS's old token is spent. So a
   * store that is away for a moment is waited for, as long as nobody else may renew.
   */
  const save = async (
    session: Parameters<Store["saveSession"]>[0],
    until: number,
  ): Promise<void> => {
    for (;;) {
      try {
        await store.saveSession(session);
        return;
      } catch (error) {
        if (!(error instanceof UnavailableError) || now() + SAVE_PAUSE >= until) throw error;
        log.warning("session_save_delayed", { grant_id: session.grantId, message: error.message });
        await wait(SAVE_PAUSE);
      }
    }
  };

  /** Asks WorkOS. The caller holds the reservation until then. */
  const renew = async (grant: GrantRow, key: Uint8Array, until: number): Promise<void> => {
    const old = open(grant, key);
    const { refreshToken, identity: { authenticationMethod } } = old;
    let session: UpstreamSession;
    try {
      session = await upstream.refresh({ refreshToken, authenticationMethod });
    } catch (error) {
      if (error instanceof SessionEndedError || error instanceof SignInRefusedError) {
        // Another holder may have outlived its reservation and renewed meanwhile.
        const current = await store.findGrant(grant.id);
        if (current && current.sessionVersion > grant.sessionVersion) return;
        await store.deleteGrant(grant.id);
        log.warning("grant_ended", {
          grant_id: grant.id,
          user_id: grant.userId,
          reason: error.code,
          message: error.message,
        });
        // WorkOS may have refused no more than a spent refresh token.
        await endSession(options, grant.sessionId, { grant_id: grant.id });
        throw new SessionEndedError("WorkOS no longer honours this session.", { cause: error });
      }
      if (error instanceof UnverifiedRenewalError) {
        const renewed = { ...old, refreshToken: error.refreshToken };
        await save({
          grantId: grant.id,
          version: grant.sessionVersion,
          organizationId: grant.organizationId,
          scope: grant.scope,
          sealedSession: sealSession(grant.id, key, renewed),
          sessionExpiresAt: UNVERIFIED,
        }, until);
        log.error(error.code, { grant_id: grant.id, message: error.message });
        throw new UnavailableError("workos_unavailable", error.message, 30, { cause: error });
      }
      if (error instanceof WorkOSSetupError) {
        // An operator's mistake, and perhaps a passing one: no reason to sign anybody out.
        log.error(error.code, { message: error.message });
        throw new UnavailableError("workos_unavailable", error.message, 30, { cause: error });
      }
      throw error;
    }
    // Stored before anyone is answered: the old refresh token is spent.
    await save({
      grantId: grant.id,
      version: grant.sessionVersion,
      organizationId: session.identity.organizationId ?? null,
      scope: grantScopes(splitScope(grant.approvedScope), session.identity).join(" "),
      sealedSession: sealSession(grant.id, key, session),
      sessionExpiresAt: session.expiresAt,
    }, until);
    log.info("session_renewed", { grant_id: grant.id, user_id: grant.userId });
  };

  /** Gives the reservation back; if that fails it runs out by itself, and the first error counts. */
  const release = async (grantId: string, owner: string): Promise<void> => {
    try {
      await store.releaseRenewal(grantId, owner);
    } catch (error) {
      log.warning("renewal_not_released", { grant_id: grantId, message: String(error) });
    }
  };

  const renewOnce = async (first: GrantRow, key: Uint8Array): Promise<GrantRow> => {
    const owner = encodeBase64Url(random(12));
    for (let poll = 0; poll < RENEWAL_POLLS; poll++) {
      const grant = poll === 0 ? first : await store.findGrant(first.id);
      if (!grant) throw new SessionEndedError("The grant has ended.");
      // Renewed is renewed, even if the new session has run out by a clock that is ahead.
      const renewed = grant.sessionVersion > first.sessionVersion &&
        grant.sessionExpiresAt !== UNVERIFIED;
      if (renewed || grant.sessionExpiresAt > now()) return grant;
      const reservation = {
        grantId: grant.id,
        version: grant.sessionVersion,
        owner,
        now: now(),
        until: now() + RENEWAL_LEASE,
      };
      if (await store.acquireRenewal(reservation)) {
        try {
          await renew(grant, key, reservation.until);
        } catch (error) {
          await release(grant.id, owner);
          throw error;
        }
        continue;
      }
      await wait(RENEWAL_POLL);
    }
    throw new UnavailableError("workos_unavailable", "Another request still renews this session.");
  };

  return {
    seal: sealSession,
    readIdentity: (grant, key) => open(grant, key).identity,

    async keepFresh(grant, key) {
      if (grant.sessionExpiresAt > now()) return grant;
      let renewal = running.get(grant.id);
      if (!renewal) {
        renewal = renewOnce(grant, key).finally(() => running.delete(grant.id));
        running.set(grant.id, renewal);
      }
      return await renewal;
    },
  };
}

/**
 * Does what needs a session. One that WorkOS has ended means that what the client holds is not valid
 * any more.
 *
 * @param code what to tell the client then.
 * @throws {OAuthError} with that code.
 */
export async function refuseEnded<T>(code: OAuthErrorCode, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SessionEndedError)) throw error;
    const status = code === "invalid_token" ? 401 : 400;
    throw new OAuthError(code, "The session at WorkOS has ended. Sign in again.", status);
  }
}
