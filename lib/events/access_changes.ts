/** Carrying out what WorkOS reported: grants end, or are renewed before they are used again. */

import type { Log } from "../log.ts";
import { endGrants, type EndGrantsOptions, endSessions } from "../oauth/end_grants.ts";
import type { EndedGrant, Store } from "../store/store.ts";
import { readRefusal } from "../workos/api_errors.ts";
import type { Directory } from "../workos/directory.ts";
import type { AccessChange } from "./workos_event.ts";

/** What {@link createAccessChanges} needs. */
export interface AccessChangesOptions extends EndGrantsOptions {
  store: Pick<Store, "deleteGrant" | "deleteGrants" | "markStale" | "noteAccessChange">;
  directory: Pick<Directory, "findUserIds">;
  log: Log;
}

/** Carries changes out. */
export interface AccessChanges {
  /**
   * Carries one out. Every replica sees the result with its next request, since all of them look
   * grants up in one store. Doing it twice does nothing more.
   *
   * @throws {UnavailableError} when the store, or WorkOS, has to be asked and does not answer.
   */
  apply(change: AccessChange): Promise<void>;
  /** Resolves when the sessions of ended grants are ended at WorkOS, too. */
  settle(): Promise<void>;
}

/** Makes it. */
export function createAccessChanges(options: AccessChangesOptions): AccessChanges {
  const { store, directory, log } = options;
  /** One after the other: nobody waits for it, and WorkOS takes no more. */
  let endings = Promise.resolve();

  const findByEmail = async (email: string): Promise<string[]> => {
    try {
      return await directory.findUserIds(email);
    } catch (error) {
      if (!readRefusal(error)) throw error;
      // It comes from a customer's directory: what WorkOS does not take for an address is nobody's.
      log.warning("person_not_found", { message: String(error) });
      return [];
    }
  };

  const findPeople = async (
    emails: readonly string[],
  ): Promise<string[]> => [...new Set((await Promise.all(emails.map(findByEmail))).flat())];

  const endAll = (grants: readonly EndedGrant[]): void => {
    if (grants.length > 0) endings = endings.then(() => endSessions(options, grants));
  };

  return {
    async apply({ id, event, effect, before, endsSession, ...whom }) {
      const { sessionId, userId, emails, organizationId } = whom;
      const userIds = emails ? await findPeople(emails) : userId && [userId];
      const selection = whom.everybody ? "everybody" as const : {
        ...(sessionId && { sessionId }),
        ...(userIds && { userIds }),
        ...(organizationId && { organizationId }),
      };
      // First: who signs in or switches just now has to find out that it may concern them.
      await store.noteAccessChange();
      if (effect === "end" && selection !== "everybody") {
        const createdBefore = before ?? Number.MAX_SAFE_INTEGER;
        const ended = await endGrants(options, { ...selection, createdBefore }, { reason: event });
        if (endsSession) endAll(ended);
      }
      // Also what was made later by a clock that is ahead: WorkOS knows.
      if (effect === "renew" || before !== undefined) await store.markStale(selection);
      log.info("event_handled", { event_id: id, name: event });
    },
    async settle() {
      await endings;
    },
  };
}
