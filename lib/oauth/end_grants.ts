/** Ending grants before their time: the one way they do. */

import type { Audit } from "../audit/audit.ts";
import type { Log } from "../log.ts";
import type { EndedGrant, GrantRow, GrantSelection, Store } from "../store/store.ts";
import type { Upstream } from "../workos/upstream.ts";
import { endSession } from "./end_session.ts";

/** What {@link endGrant} and {@link endGrants} need. */
export interface EndGrantsOptions {
  store: Pick<Store, "deleteGrant" | "deleteGrants">;
  upstream: Pick<Upstream, "revokeSession">;
  log: Log;
  audit: Pick<Audit, "record">;
}

/** Why a grant ends. */
export interface GrantEnding {
  /** A stable code. */
  reason: string;
  /** What to know beside it, for the log. */
  message?: string;
  /** Whether somebody should look into it. */
  suspicious?: boolean;
}

/** Sessions that are ended at WorkOS at once. */
const AT_ONCE = 8;

/**
 * Ends a grant here and its session at WorkOS. The grant is gone even if WorkOS is not there; one
 * that was gone before stays untold.
 */
export async function endGrant(
  options: EndGrantsOptions,
  grant: GrantRow,
  ending: GrantEnding,
): Promise<void> {
  if (!await options.store.deleteGrant(grant.id)) return;
  report(options, grant, ending);
  await endSession(options, grant.sessionId, { grant_id: grant.id });
}

/**
 * Ends all grants of a selection, for everybody who asks the same store at once. Their sessions at
 * WorkOS go on.
 *
 * @param selection with `createdBefore`, in epoch milliseconds.
 * @returns those that were ended.
 */
export async function endGrants(
  options: EndGrantsOptions,
  selection: GrantSelection & { createdBefore: number },
  ending: GrantEnding,
): Promise<EndedGrant[]> {
  const grants = await options.store.deleteGrants(selection);
  for (const grant of grants) report(options, grant, ending);
  return grants;
}

/** Ends the sessions at WorkOS of grants that have ended. Never rejects. */
export async function endSessions(
  options: EndGrantsOptions,
  grants: readonly EndedGrant[],
): Promise<void> {
  for (let start = 0; start < grants.length; start += AT_ONCE) {
    await Promise.all(
      grants.slice(start, start + AT_ONCE).map(({ id, sessionId }) =>
        endSession(options, sessionId, { grant_id: id })
      ),
    );
  }
}

function report(
  { log, audit }: EndGrantsOptions,
  { id, clientId, userId, sessionId, organizationId }: EndedGrant,
  { reason, message, suspicious = false }: GrantEnding,
): void {
  log[suspicious ? "warning" : "info"]("grant_ended", {
    grant_id: id,
    client_id: clientId,
    user_id: userId,
    reason,
    message,
  });
  audit.record({
    action: "mcp.grant.ended",
    organizationId,
    actor: { userId, sessionId },
    clientId,
    metadata: { grant_id: id, reason },
  });
}
