/**
 * One request at a time works on the WorkOS session of a grant, across all replicas, since WorkOS's
 * refresh tokens work once.
 */

import { SessionEndedError, UnavailableError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { GrantRow, Store } from "../store/store.ts";
import { encodeBase64Url, type Random } from "./random.ts";

/**
 * How long a reservation holds, in milliseconds. Longer than all that a renewal may take, so that a
 * slow one is not doubled: 5 s each for discovery, keys, keys that have changed, the connection and
 * the renewal with each of two API keys, and 10 s to store the result. A holder that was killed blocks
 * its grant this long.
 */
const RENEWAL_LEASE = 45_000;

/** How long the others wait between looks, and how often they look, before they answer 503. */
const RENEWAL_POLL = 50;
const RENEWAL_POLLS = 200;

/** What {@link createReservation} needs. */
export interface ReservationOptions {
  store: Pick<Store, "findGrant" | "acquireRenewal" | "releaseRenewal">;
  log: Log;
  now: () => number;
  random: Random;
  /** Waits, in milliseconds. */
  wait: (duration: number) => Promise<void>;
}

/**
 * Works on a grant's session while nobody else does.
 *
 * @param first the grant as it was read.
 * @param isDone whether there is nothing to do, or not any more.
 * @param work what is to be done with the grant as it is now, until a moment in epoch milliseconds.
 * @returns the grant as it is then.
 * @throws {SessionEndedError} when the grant is gone.
 * @throws {UnavailableError} when another one holds it for too long.
 */
export type WhileReserved = (
  first: GrantRow,
  isDone: (grant: GrantRow) => boolean,
  work: (grant: GrantRow, until: number) => Promise<void>,
) => Promise<GrantRow>;

/** Makes the function that reserves. */
export function createReservation(
  { store, log, now, random, wait }: ReservationOptions,
): WhileReserved {
  /** Gives the reservation back; if that fails it runs out by itself, and the first error counts. */
  const release = async (grantId: string, owner: string): Promise<void> => {
    try {
      await store.releaseRenewal(grantId, owner);
    } catch (error) {
      log.warning("renewal_not_released", { grant_id: grantId, message: String(error) });
    }
  };

  return async (first, isDone, work) => {
    const owner = encodeBase64Url(random(12));
    for (let poll = 0; poll < RENEWAL_POLLS; poll++) {
      const grant = poll === 0 ? first : await store.findGrant(first.id);
      if (!grant) throw new SessionEndedError("The grant has ended.");
      if (isDone(grant)) return grant;
      const until = now() + RENEWAL_LEASE;
      const reservation = { grantId: grant.id, version: grant.sessionVersion, owner };
      if (await store.acquireRenewal({ ...reservation, now: now(), until })) {
        try {
          await work(grant, until);
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
}
