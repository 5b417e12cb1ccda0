/**
 * Events that came by webhook: kept first, so that WorkOS gets its answer at once and none is lost
 * when this process dies, and handled after, by whichever replica is there.
 */

import type { Log } from "../log.ts";
import type { Random } from "../oauth/random.ts";
import { deriveBytes, seal, unseal } from "../oauth/sealing.ts";
import type { ChangeRow, Store } from "../store/store.ts";
import type { AccessChange } from "./workos_event.ts";

/** WorkOS tries for three days, so this long the same event is known again, in milliseconds. */
const REPLAY_WINDOW = 3 * 86_400_000 + 3_600_000;

/** How long one handler has, before another one tries, in milliseconds. */
const LEASE = 30_000;

/** Changes that are handled at once: one that waits for WorkOS must not hold up the others. */
const AT_ONCE = 20;

/** Changes that cannot be read and of which it is known that this was said. */
const MAX_REPORTED = 1000;

/** What {@link createInbox} needs. */
export interface InboxOptions {
  store: Pick<Store, "insertChange" | "takeChanges" | "finishChange">;
  apply: (change: AccessChange) => Promise<void>;
  /**
   * Secret of the webhook. What is kept is sealed under a key derived from it, since it may hold
   * e-mail addresses, and the secret is not in the store.
   */
  secret: string;
  log: Log;
  now: () => number;
  random: Random;
}

/** Keeps changes until they are handled. */
export interface Inbox {
  /**
   * Keeps a change.
   *
   * @returns false for one that came before.
   */
  add(change: AccessChange): Promise<boolean>;
  /** Handles what is kept, by this replica or another. Rejects when the store does not answer. */
  handle(): Promise<void>;
}

/** Makes the inbox. */
export function createInbox({ store, apply, secret, log, now, random }: InboxOptions): Inbox {
  const key = deriveBytes(secret, "changes that wait");
  const handled = new Set<Promise<void>>();
  let taking = Promise.resolve();
  let queued: Promise<void> | undefined;

  const reported = new Set<string>();

  /** It stays: a replica that has the other secret already, or still, can read it. */
  const report = (id: string): void => {
    if (reported.has(id)) return;
    if (reported.size >= MAX_REPORTED) reported.clear();
    reported.add(id);
    const message = "It was kept under another WORKOS_WEBHOOK_SECRET.";
    log.error("event_unreadable", { event_id: id, message });
  };

  const handleOne = async ({ id, change }: ChangeRow): Promise<void> => {
    const text = unseal(key, change, id);
    if (text === undefined) return report(id);
    try {
      await apply(JSON.parse(text));
      await store.finishChange(id);
    } catch (error) {
      // Whatever it was: who should have lost access has not yet, so it is tried again.
      log.warning("event_delayed", { event_id: id, message: String(error) });
    }
  };
  /** Begins with all that waits, as far as there is room. */
  const takeAll = async (): Promise<void> => {
    for (;;) {
      const limit = AT_ONCE - handled.size;
      if (limit === 0) {
        await Promise.race(handled);
        continue;
      }
      const rows = await store.takeChanges({ now: now(), until: now() + LEASE, limit });
      if (rows.length === 0) return;
      for (const row of rows) {
        const one = handleOne(row).finally(() => handled.delete(one));
        handled.add(one);
      }
    }
  };

  return {
    add: (change) =>
      store.insertChange({
        id: change.id,
        change: seal(key, JSON.stringify(change), change.id, random),
        expiresAt: now() + REPLAY_WINDOW,
      }),
    async handle() {
      // One looks at a time, and one more for what came meanwhile.
      queued ??= taking.catch(() => undefined).then(() => {
        queued = undefined;
        taking = takeAll();
        return taking;
      });
      await queued;
      await Promise.all(handled);
    },
  };
}
