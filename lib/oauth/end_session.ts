/** Ending a WorkOS session that nobody here will use any more. */

import type { Log, LogFields } from "../log.ts";
import type { Upstream } from "../workos/upstream.ts";

/**
 * Ends a session at WorkOS. That it stays open there is logged and not worth failing for: what
 * depended on it here is gone already, and it has a time limit of its own.
 *
 * @param sessionId `session_…`
 * @param fields go along with the warning.
 */
export async function endSession(
  { upstream, log }: { upstream: Pick<Upstream, "revokeSession">; log: Log },
  sessionId: string,
  fields: LogFields = {},
): Promise<void> {
  try {
    await upstream.revokeSession(sessionId);
  } catch (error) {
    log.warning("session_not_revoked", {
      ...fields,
      session_id: sessionId,
      message: `${String(error)} The session ends at WorkOS by its own time limit.`,
    });
  }
}
