/** What is not sent for a while, since WorkOS does not take it. */

import type { Log } from "../log.ts";
import type { Refused } from "../workos/api_errors.ts";
import type { AuditAction } from "./audit_event.ts";

/** How long nothing is sent that WorkOS has no schema or no organization for, in milliseconds. */
const PAUSE = 600_000;

/** Pauses at once. With more, the oldest ends early, at the cost of one entry that is tried. */
const MAX_PAUSES = 1000;

/** An action, and `org_…`. */
type Destination = [action: AuditAction, organizationId: string];

/** Keeps track of what is paused. */
export interface Pauses {
  /** Whether entries of an action are not sent, to any organization or to this one. */
  isPaused(...destination: Destination): boolean;
  /** Pauses an action, for all organizations or for one. */
  add(refusal: "schema" | "organization", ...destination: Destination): void;
}

/**
 * Makes it.
 *
 * @param log is told what to do about a pause when it begins.
 * @param now clock, in epoch milliseconds.
 */
export function createPauses(log: Log, now: () => number): Pauses {
  const pausedUntil = new Map<string, number>();

  const isPaused = (...[action, organizationId]: Destination): boolean =>
    [action, `${action} ${organizationId}`].some((key) => (pausedUntil.get(key) ?? 0) > now());

  const explain = (refusal: "schema" | "organization", ...destination: Destination): void => {
    const [action, organization_id] = destination;
    if (refusal === "schema") {
      const message =
        "WorkOS has no schema for it, or another one. `deno task audit-schemas` prints " +
        "those to register; until then these entries are in this log only, calls of tools at " +
        "the level debug.";
      log.info("audit_schema_missing", { action, message });
    } else {
      const message = "WorkOS has no such organization; these entries are in this log only.";
      log.info("audit_organization_missing", { action, organization_id, message });
    }
  };

  return {
    isPaused,
    add(refusal, action, organizationId) {
      if (!isPaused(action, organizationId)) explain(refusal, action, organizationId);
      const key = refusal === "schema" ? action : `${action} ${organizationId}`;
      // To the end, since the first one is the oldest.
      pausedUntil.delete(key);
      pausedUntil.set(key, now() + PAUSE);
      const [oldest] = pausedUntil.keys();
      if (oldest !== undefined && pausedUntil.size > MAX_PAUSES) pausedUntil.delete(oldest);
    },
  };
}

/**
 * Says how much WorkOS does not take.
 *
 * @returns `schema` where it is all of an action, `organization` where it is all of an organization,
 *   `entry` where it is this one.
 */
export function judgeRefusal({ status, code }: Refused): "schema" | "organization" | "entry" {
  if (status === 404) return "organization";
  return status === 422 || code === "invalid_audit_log_event" ? "schema" : "entry";
}
