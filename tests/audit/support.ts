/** What the tests of the audit log share. */

import { AUDIT_SCHEMAS, describeSchema } from "../../lib/audit/audit_schemas.ts";
import type { RecordedAuditLogEvent } from "../../lib/workos/emulator/audit_log.ts";
import { createWorld, type World, type WorldOptions } from "../support/world.ts";

/** A world whose WorkOS takes this server's entries. */
export async function createAuditedWorld(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  for (const schema of AUDIT_SCHEMAS) {
    const description = describeSchema(schema);
    world.emulator.auditLog.addSchema(description.action, description.schema);
  }
  return world;
}

/** The entries of an action, once everything is sent. */
export async function readEntries(
  world: World,
  action: string,
): Promise<RecordedAuditLogEvent[]> {
  await world.app.close();
  return world.emulator.auditLog.list().filter(({ event }) => event.action === action);
}
