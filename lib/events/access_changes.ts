/** Carrying out what WorkOS reported: grants end, or are renewed before they are used again. */

import { endGrants, type EndGrantsOptions } from "../oauth/end_grants.ts";
import type { Store } from "../store/store.ts";
import type { Directory } from "../workos/directory.ts";
import type { AccessChange } from "./workos_event.ts";

/** What {@link createAccessChanges} needs. */
export interface AccessChangesOptions extends EndGrantsOptions {
  store: Pick<Store, "deleteGrant" | "deleteGrants" | "markStale">;
  directory: Pick<Directory, "findUserIds">;
}

/**
 * Makes the function that carries changes out. Every replica sees the result with its next request,
 * since all of them look grants up in one store. Doing it twice does nothing more.
 *
 * @returns a function that throws {@link UnavailableError} when the store, or WorkOS, has to be asked
 *   and does not answer.
 */
export function createAccessChanges(
  options: AccessChangesOptions,
): (change: AccessChange) => Promise<void> {
  const { store, directory, log } = options;

  const findPeople = async (emails: readonly string[]): Promise<string[]> => {
    const found = await Promise.all(emails.map((email) => directory.findUserIds(email)));
    return [...new Set(found.flat())];
  };

  return async (change) => {
    const { id, event, effect, sessionId, userId, emails, organizationId } = change;
    const { before = Number.MAX_SAFE_INTEGER, endsSession = false } = change;
    const userIds = emails ? await findPeople(emails) : userId && [userId];
    const selection = {
      ...(sessionId && { sessionId }),
      ...(userIds && { userIds }),
      ...(organizationId && { organizationId }),
    };
    if (effect === "renew") await store.markStale(selection);
    else {
      const grants = { ...selection, createdBefore: before };
      await endGrants(options, grants, { reason: event }, endsSession);
    }
    log.info("event_handled", { event_id: id, name: event });
  };
}
