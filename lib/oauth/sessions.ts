/**
 * The WorkOS session behind a grant: sealed at rest, renewed when it has run out, by one request
 * at a time across all replicas, since WorkOS's refresh tokens work once.
 */

import type { Audit } from "../audit/audit.ts";
import type { Config } from "../config.ts";
import {
  readErrorCode,
  SessionEndedError,
  SignInRefusedError,
  UnavailableError,
  UnverifiedRenewalError,
  WorkOSSetupError,
} from "../errors.ts";
import type { Log } from "../log.ts";
import type { GrantRow, Store } from "../store/store.ts";
import type { Identity, Upstream, UpstreamSession } from "../workos/upstream.ts";
import { endGrant } from "./end_grants.ts";
import { explainSwitch } from "./explain_switch.ts";
import type { Random } from "./random.ts";
import { createReservation } from "./reservation.ts";
import { findMissingScopes, grantScopes, splitScope } from "./scopes.ts";
import { seal, unseal } from "./sealing.ts";
import { watchChanges } from "./watch_changes.ts";

/**
 * End of a session that has to be renewed before anything else: WorkOS renewed it with an answer that
 * could not be verified, or told that something has changed.
 */
const RENEW_FIRST = 0;

/** How far apart a renewed session is tried to be stored, in milliseconds. */
const SAVE_PAUSE = 500;

/** What {@link createSessions} needs. */
export interface SessionsOptions {
  config: Pick<Config, "requiredScopes">;
  store: Store;
  upstream: Upstream;
  log: Log;
  audit: Audit;
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
  /**
   * Makes the session one for another organization. What is refused changes nothing.
   *
   * @param organizationId `org_…`
   * @returns who the person is there.
   * @throws {SignInRefusedError} when WorkOS or the settings do not allow it.
   * @throws {UnavailableError}, {SessionEndedError} as {@link keepFresh}.
   */
  switchOrganization(grant: GrantRow, key: Uint8Array, organizationId: string): Promise<Identity>;
}

/** Makes the keeper of WorkOS sessions. */
export function createSessions(options: SessionsOptions): Sessions {
  const { config, store, upstream, log, now, random, wait } = options;
  const whileReserved = createReservation(options);
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

  /** Keeps the new refresh token of an answer that is not accepted; the session stays as it was. */
  const saveUnaccepted = async (
    grant: GrantRow,
    key: Uint8Array,
    until: number,
    refreshToken: string,
  ): Promise<void> => {
    await save({
      grantId: grant.id,
      version: grant.sessionVersion,
      organizationId: grant.organizationId,
      scope: grant.scope,
      permissions: grant.permissions,
      sealedSession: sealSession(grant.id, key, { ...open(grant, key), refreshToken }),
      sessionExpiresAt: RENEW_FIRST,
    }, until);
  };

  /** Nobody is moved to where the next request would be refused, with no way back. */
  const assertUsable = (grant: GrantRow, { identity, refreshToken }: UpstreamSession): void => {
    const approved = splitScope(grant.approvedScope);
    const granted = grantScopes(approved, identity);
    const missing = findMissingScopes(config.requiredScopes, approved, granted);
    if (missing.length === 0) return;
    const message = `Every request here needs ${missing.join(" ")}, which you do not have there. ` +
      "An administrator of that organization can give it.";
    throw new UnverifiedRenewalError(
      refreshToken,
      new SignInRefusedError("scope_not_granted", message),
    );
  };

  /**
   * Asks WorkOS. The caller holds the reservation until then.
   *
   * @param wanted the organization to switch to.
   * @returns who the person is now; undefined when somebody else has renewed the session.
   */
  const renew = async (
    grant: GrantRow,
    key: Uint8Array,
    until: number,
    wanted?: string,
  ): Promise<Identity | undefined> => {
    const { refreshToken, identity } = open(grant, key);
    const { authenticationMethod, organizationId } = identity;
    let session: UpstreamSession;
    try {
      session = await upstream.refresh({
        refreshToken,
        authenticationMethod,
        identity,
        organizationId: wanted ?? organizationId,
      });
      if (wanted !== undefined) assertUsable(grant, session);
    } catch (error) {
      log.info("renewal_failed", { grant_id: grant.id, error: readErrorCode(error) });
      const refusal = error instanceof UnverifiedRenewalError ? error.cause : error;
      if (wanted !== undefined && refusal instanceof SignInRefusedError) {
        // Nothing is over: the person stays where they were.
        if (error instanceof UnverifiedRenewalError) {
          await saveUnaccepted(grant, key, until, error.refreshToken);
        }
        throw refusal;
      }
      if (refusal instanceof SessionEndedError || refusal instanceof SignInRefusedError) {
        // Another holder may have outlived its reservation and renewed meanwhile.
        const current = await store.findGrant(grant.id);
        if (current && current.sessionVersion > grant.sessionVersion) return undefined;
        // At WorkOS as well, which may have refused no more than a spent refresh token.
        await endGrant(options, grant, {
          reason: refusal.code,
          message: refusal.message,
          suspicious: true,
        });
        throw new SessionEndedError("WorkOS no longer honours this session.", { cause: error });
      }
      if (error instanceof UnverifiedRenewalError) {
        await saveUnaccepted(grant, key, until, error.refreshToken);
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
      permissions: session.identity.permissions.join(" "),
      sealedSession: sealSession(grant.id, key, session),
      sessionExpiresAt: session.expiresAt,
    }, until);
    log.info("session_renewed", { grant_id: grant.id, user_id: grant.userId });
    return session.identity;
  };

  const renewOnce = (first: GrantRow, key: Uint8Array): Promise<GrantRow> =>
    whileReserved(
      first,
      ({ sessionVersion, sessionExpiresAt }) =>
        // Renewed is renewed, even if the new session has run out by a clock that is ahead.
        sessionExpiresAt > now() ||
        (sessionVersion > first.sessionVersion && sessionExpiresAt !== RENEW_FIRST),
      async (grant, until) => void await renew(grant, key, until),
    );

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

    async switchOrganization(grant, key, organizationId) {
      if (grant.organizationId === organizationId) return open(grant, key).identity;
      let identity: Identity | undefined;
      try {
        const switched = await watchChanges(
          store,
          () =>
            whileReserved(
              grant,
              () => identity !== undefined,
              async (current, until) => {
                identity = await renew(current, key, until, organizationId);
              },
            ),
          () => grant.sessionId,
        );
        log.info("organization_switched", {
          grant_id: grant.id,
          user_id: grant.userId,
          organization_id: organizationId,
        });
        return identity ?? open(switched, key).identity;
      } catch (error) {
        if (!(error instanceof SignInRefusedError)) throw error;
        log.info("switch_refused", {
          grant_id: grant.id,
          user_id: grant.userId,
          organization_id: organizationId,
          reason: error.code,
        });
        throw explainSwitch(error, organizationId, grant.organizationId);
      }
    },
  };
}
