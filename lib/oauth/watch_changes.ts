/**
 * What WorkOS reports while its answer is on its way: the answer may be of before, and what comes of it
 * is not in the store yet, where the report would find it.
 */

import type { Store } from "../store/store.ts";

/**
 * Does something on WorkOS's word, and has WorkOS asked once more before anybody uses it, if something
 * was reported meanwhile.
 *
 * @param work asks WorkOS and stores what comes of it.
 * @param findSession the `session_…` that it is stored for, once it is; undefined if nothing was.
 */
export async function watchChanges<T>(
  store: Pick<Store, "countAccessChanges" | "markStale">,
  work: () => Promise<T>,
  findSession: () => string | undefined,
): Promise<T> {
  const before = await store.countAccessChanges();
  const result = await work();
  const sessionId = findSession();
  // A report is noted before it looks for grants: one that missed this is noted by now.
  if (sessionId !== undefined && await store.countAccessChanges() !== before) {
    await store.markStale({ sessionId });
  }
  return result;
}
