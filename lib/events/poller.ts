/**
 * Events fetched from WorkOS (Events API), for servers that WorkOS cannot reach. One replica fetches at
 * a time; where it got to is in the store, so that another one goes on there.
 */

import * as z from "zod";
import { UnavailableError, WorkOSSetupError } from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import { encodeBase64Url, type Random } from "../oauth/random.ts";
import type { Store } from "../store/store.ts";
import type { WorkOSApi } from "../workos/api.ts";
import { readRefusal } from "../workos/api_errors.ts";
import { ACCESS_EVENTS, type AccessChange, readAccessChange, readEvent } from "./workos_event.ts";

/** Name of the lease that the one who fetches holds. */
const LEASE_NAME = "workos events";

/** How long a replica that has died keeps the others from fetching, in milliseconds. */
const LEASE = 60_000;

/** Events of one answer, the most that WorkOS gives. */
const PAGE = 100;

/**
 * Where a new store begins, in milliseconds before now. Nothing older matters: every session has been
 * renewed since then, or will be before it is used.
 */
const FIRST_LOOK = 3_600_000;

/** What {@link createEventPoller} needs. */
export interface EventPollerOptions {
  api: WorkOSApi;
  store: Pick<Store, "acquireLease" | "saveLeaseValue">;
  apply: (change: AccessChange) => Promise<void>;
  log: Log;
  now: () => number;
  random: Random;
}

const LIST = z.object({ data: z.array(z.unknown()) });

/**
 * Makes the poller.
 *
 * @returns a function that fetches and handles what is new, to be called every few seconds; does
 *   nothing while another replica, or an earlier call, does. Rejects with {@link UnavailableError} or
 *   {@link WorkOSSetupError}; what was not handled is fetched again then.
 */
export function createEventPoller(
  { api, store, apply, log, now, random }: EventPollerOptions,
): () => Promise<void> {
  const owner = encodeBase64Url(random(12));
  let isRunning = false;

  const fetchPage = async (cursor: string | null): Promise<unknown[]> => {
    try {
      return await list(cursor);
    } catch (error) {
      if (cursor === null || !readRefusal(error)) throw error;
      // Too long ago, or of another WorkOS.
      log.warning("event_cursor_lost", {
        message: "WorkOS does not know the last event any more.",
      });
      return await list(null);
    }
  };

  const list = async (cursor: string | null): Promise<unknown[]> => {
    const since = new Date(now() - FIRST_LOOK).toISOString();
    const { data } = await api.call("manage", (workos) =>
      workos.get("/events", {
        query: {
          events: ACCESS_EVENTS,
          limit: PAGE,
          order: "asc",
          ...(cursor === null ? { range_start: since } : { after: cursor }),
        },
      }));
    return LIST.parse(data).data;
  };

  /** Who cannot be reached now is asked again; a mistake of ours must not keep the others waiting. */
  const applyOrReport = async (change: AccessChange): Promise<void> => {
    try {
      await apply(change);
    } catch (error) {
      if (error instanceof UnavailableError || error instanceof WorkOSSetupError) throw error;
      log.error("event_failed", { event_id: change.id, ...describeError(error) });
    }
  };

  /** @returns false when another replica goes on. */
  const handle = async (entry: unknown): Promise<boolean> => {
    const event = readEvent(entry);
    const change = event ? readAccessChange(event) : "unreadable";
    if (change === "unreadable") {
      log.warning("event_refused", { name: event?.event, reason: "malformed" });
    } else if (change !== "nothing") await applyOrReport(change);
    // Each by itself: a replica that is slow keeps the lease, and what is done is not done again.
    return !event || await store.saveLeaseValue({
      name: LEASE_NAME,
      owner,
      value: event.id,
      until: now() + LEASE,
    });
  };

  const pollAll = async (): Promise<void> => {
    for (let isFull = true; isFull;) {
      const lease = { name: LEASE_NAME, owner, now: now(), until: now() + LEASE };
      const held = await store.acquireLease(lease);
      if (!held) return;
      const page = await fetchPage(held.value);
      for (const entry of page) if (!await handle(entry)) return;
      isFull = page.length === PAGE && page.some(readEvent);
    }
  };

  return async () => {
    if (isRunning) return;
    isRunning = true;
    try {
      await pollAll();
    } finally {
      isRunning = false;
    }
  };
}
