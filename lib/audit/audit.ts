/**
 * The audit log: who did what, for the administrators of the organization it concerns. Entries go to
 * WorkOS from a bounded queue, so that no request waits for them and none fails for them.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { CreateAuditLogEventOptions } from "@workos-inc/node";
import { UnavailableError } from "../errors.ts";
import type { Log } from "../log.ts";
import { encodeBase64Url, type Random } from "../oauth/random.ts";
import type { RequestContext } from "../request_context.ts";
import type { WorkOSApi } from "../workos/api.ts";
import { readRefusal } from "../workos/api_errors.ts";
import type { Identity } from "../workos/upstream.ts";
import { type AuditAction, type AuditEvent, buildAuditEntry } from "./audit_event.ts";
import { createLosses } from "./losses.ts";
import { createPauses, judgeRefusal } from "./pauses.ts";

/** Entries that wait at the most; what is more is dropped, counted and reported. */
const MAX_WAITING = 1000;

/** Entries on their way to WorkOS at once, which takes 50 a second. */
const AT_ONCE = 4;

/** Pauses before an entry is tried again, in milliseconds; then it is given up. */
const RETRIES = [1000, 5000, 30_000];

/** What {@link createAudit} needs. */
export interface AuditOptions {
  /** Absent where the settings have no API key: nothing is sent then. */
  api: WorkOSApi | undefined;
  log: Log;
  /** Clock, in epoch milliseconds. */
  now: () => number;
  random: Random;
  /** Waits, in milliseconds. */
  wait: (duration: number) => Promise<void>;
  /** The request that is being answered. */
  requestContext: AsyncLocalStorage<RequestContext>;
}

/** Where entries go. */
export interface Audit {
  /**
   * Notes an entry, and returns at once.
   *
   * @param readIdentity finds out more about the actor, in the background; without it, or when it
   *   fails, the entry holds what the event has.
   */
  record(event: AuditEvent, readIdentity?: () => Promise<Identity>): void;
  /**
   * Resolves when nothing waits any more.
   *
   * @param limit when it resolves, what still waits is given up, and counted as dropped.
   */
  flush(limit?: Promise<void>): Promise<void>;
}

/** Makes the audit log. */
export function createAudit(options: AuditOptions): Audit {
  const { api, log, now, random, wait, requestContext } = options;
  const pauses = createPauses(log, now);
  const running = new Set<Promise<void>>();
  const queue: (() => Promise<void>)[] = [];
  const dropped = createLosses(
    (report) => log.warning("audit_entries_dropped", { ...report }),
    now,
  );
  const skipped = createLosses((report) => log.debug("audit_entries_skipped", { ...report }), now);

  const skip = (action: AuditAction): void =>
    skipped.add(`WorkOS does not take ${action} for now.`);

  const send = async (
    api: WorkOSApi,
    organizationId: string,
    entry: CreateAuditLogEventOptions & { action: AuditAction },
  ): Promise<void> => {
    // By this WorkOS knows an entry again whose answer was lost.
    const idempotencyKey = encodeBase64Url(random(16));
    for (const pauseBefore of [0, ...RETRIES]) {
      if (pauseBefore > 0) await wait(pauseBefore);
      try {
        await api.call(
          "manage",
          ({ auditLogs }) => auditLogs.createEvent(organizationId, entry, { idempotencyKey }),
        );
        return;
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        const refused = readRefusal(error);
        if (refused) {
          const extent = judgeRefusal(refused);
          if (extent === "entry") throw error;
          pauses.add(extent, entry.action, organizationId);
          return skip(entry.action);
        }
      }
    }
    dropped.add("WorkOS does not answer.");
  };

  /** What ended meanwhile cannot be read any more; the entry still says who, by the id. */
  const lookUp = async (
    readIdentity: (() => Promise<Identity>) | undefined,
  ): Promise<Identity | undefined> => {
    try {
      return await readIdentity?.();
    } catch (error) {
      log.debug("audit_incomplete", { message: String(error) });
      return undefined;
    }
  };

  const start = (): void => {
    while (running.size < AT_ONCE) {
      const work = queue.shift();
      if (!work) return;
      const job = work().catch((error) => dropped.add(String(error))).finally(() => {
        running.delete(job);
        start();
      });
      running.add(job);
    }
  };

  const enqueue = (
    event: AuditEvent,
    readIdentity: (() => Promise<Identity>) | undefined,
  ): void => {
    const { action, organizationId } = event;
    if (!api || !organizationId) return;
    if (pauses.isPaused(action, organizationId)) return skip(action);
    if (queue.length >= MAX_WAITING) return dropped.add("Too many wait to be sent.");
    const context = requestContext.getStore();
    const occurredAt = now();
    // Looked up now: the grant may have ended when it is this entry's turn.
    const identity = lookUp(readIdentity);
    queue.push(async () => {
      const actor = await identity ?? event.actor;
      if (pauses.isPaused(action, organizationId)) return skip(action);
      await send(api, organizationId, buildAuditEntry({ ...event, actor }, context, occurredAt));
    });
    start();
  };

  const sendAll = async (): Promise<void> => {
    while (running.size > 0) await Promise.all(running);
  };

  return {
    record(event, readIdentity) {
      enqueue(event, readIdentity);
      dropped.report();
      skipped.report();
    },
    async flush(limit) {
      await (limit ? Promise.race([sendAll(), limit]) : sendAll());
      const left = queue.splice(0).length + running.size;
      if (left > 0) dropped.add("The server stops.", left);
      dropped.flush();
      skipped.flush();
    },
  };
}
