/** Audit Logs: what an application says that people did, for their organizations to look at. */

import { type AuditLogEvent, type AuditLogSchema, findViolations } from "./audit_log_schema.ts";
import { apiRefusal, findOrRefuse } from "./errors.ts";
import { ExpiringMap } from "./expiring_map.ts";

/** An event that was taken. */
export interface RecordedAuditLogEvent {
  /** `org_…`, whose log it is in. */
  organizationId: string;
  event: AuditLogEvent;
  /** Absent if the application sent none. */
  idempotencyKey?: string;
}

/** A schema that was registered, as the WorkOS API shows it. */
export type RegisteredSchema = AuditLogSchema & {
  object: "audit_log_schema";
  version: number;
  created_at: string;
};

/** How many events are kept. */
const LIMIT = 10_000;

/** How long WorkOS remembers an idempotency key, in milliseconds: a day. */
const KEY_LIFETIME = 24 * 60 * 60 * 1000;

/** The audit logs of all organizations, and the actions that may be in them. */
export class AuditLog {
  readonly #events: RecordedAuditLogEvent[] = [];
  readonly #schemas = new Map<string, readonly [RegisteredSchema, ...RegisteredSchema[]]>();
  readonly #keys: ExpiringMap<true>;

  /**
   * @param now clock, in milliseconds.
   * @param requiresSchemas whether only registered actions may be recorded, as at WorkOS.
   */
  constructor(private readonly now: () => number, private readonly requiresSchemas: boolean) {
    this.#keys = new ExpiringMap(KEY_LIFETIME, now);
  }

  /**
   * Records an event, once for each idempotency key.
   *
   * @throws {RefusalError} 400 for an event that its action's schema does not allow.
   */
  record(recorded: RecordedAuditLogEvent): void {
    const { event, idempotencyKey } = recorded;
    if (idempotencyKey !== undefined && this.#keys.get(idempotencyKey)) return;
    const violations = this.#findViolations(event);
    if (violations.length > 0) {
      throw apiRefusal(400, "invalid_audit_log_event", "Invalid Audit Log event.", {
        errors: violations.map((instancePath) => ({ instancePath })),
      });
    }
    if (idempotencyKey !== undefined) this.#keys.add(idempotencyKey, true);
    this.#events.push(recorded);
    if (this.#events.length > LIMIT) this.#events.shift();
  }

  /** The events that are kept, the oldest first. */
  list(): readonly RecordedAuditLogEvent[] {
    return this.#events;
  }

  /** Registers the schema of an action, or the next version of it. */
  addSchema(action: string, schema: AuditLogSchema): RegisteredSchema {
    const older = this.#schemas.get(action) ?? [];
    const registered: RegisteredSchema = {
      object: "audit_log_schema",
      version: older.length + 1,
      ...schema,
      created_at: new Date(this.now()).toISOString(),
    };
    this.#schemas.set(action, [registered, ...older]);
    return registered;
  }

  /**
   * The schemas of an action, the newest first.
   *
   * @throws {RefusalError} 404.
   */
  listSchemas(action: string): readonly RegisteredSchema[] {
    return findOrRefuse(this.#schemas, "AuditLogAction", action);
  }

  /** Every action as the WorkOS API shows it. */
  listActions(): unknown[] {
    return Array.from(this.#schemas, ([name, schemas]) => ({
      object: "audit_log_action",
      name,
      schema: schemas[0],
      created_at: schemas.at(-1)?.created_at,
      updated_at: schemas[0].created_at,
    }));
  }

  #findViolations(event: AuditLogEvent): string[] {
    const schemas = this.#schemas.get(event.action);
    if (schemas === undefined && !this.requiresSchemas) return findViolations(event);
    const { version = schemas?.length } = event;
    const schema = schemas?.find((schema) => schema.version === version);
    if (schema === undefined) return [schemas === undefined ? "/action" : "/version"];
    return findViolations(event, schema);
  }
}
