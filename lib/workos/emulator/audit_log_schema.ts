/** What an audit log event looks like, and whether one keeps to the schema of its action. */

import * as z from "zod";

const details = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const party = z.object({
  id: z.string(),
  type: z.string(),
  name: z.string().optional(),
  metadata: details.optional(),
});

/** An event as an application sends it. */
export const auditLogEvent = z.object({
  action: z.string(),
  version: z.int().optional(),
  occurred_at: z.iso.datetime({ offset: true }),
  actor: party,
  targets: z.array(party),
  context: z.object({ location: z.string(), user_agent: z.string().optional() }),
  metadata: details.optional(),
});

/** An event as an application sends it. */
export type AuditLogEvent = z.infer<typeof auditLogEvent>;

const detailsSchema = z.object({
  type: z.literal("object"),
  properties: z.record(z.string(), z.object({ type: z.enum(["string", "number", "boolean"]) })),
});

/** The schema of an action as an application registers it. */
export const auditLogSchema = z.object({
  targets: z.array(z.object({ type: z.string(), metadata: detailsSchema.optional() })),
  actor: z.object({ metadata: detailsSchema }).optional(),
  metadata: detailsSchema.optional(),
});

/** The schema of an action as an application registers it. */
export type AuditLogSchema = z.infer<typeof auditLogSchema>;

/** Limits of WorkOS: entries, characters of a key, characters of a value. */
const [MAX_ENTRIES, KEY, MAX_VALUE] = [50, /^[\w-]{1,40}$/, 500];

/**
 * Looks for what is wrong with an event.
 *
 * @param schema of its action; without one, only WorkOS's limits hold.
 * @returns JSON pointers (RFC 6901).
 */
export function findViolations(event: AuditLogEvent, schema?: AuditLogSchema): string[] {
  const targets = event.targets.map((target, index) => ({
    path: `/targets/${index}`,
    metadata: target.metadata,
    schema: schema?.targets.find(({ type }) => type === target.type),
  }));
  const described = [
    { path: "", metadata: event.metadata, schema },
    { path: "/actor", metadata: event.actor.metadata, schema: schema?.actor },
    ...targets,
  ];
  return [
    ...targets.filter((target) => schema !== undefined && target.schema === undefined)
      .map(({ path }) => `${path}/type`),
    ...described.filter(({ metadata, schema }) => !isAllowed(metadata ?? {}, schema?.metadata))
      .map(({ path }) => `${path}/metadata`),
  ];
}

function isAllowed(
  metadata: z.infer<typeof details>,
  schema: z.infer<typeof detailsSchema> | undefined,
): boolean {
  const entries = Object.entries(metadata);
  return entries.length <= MAX_ENTRIES && entries.every(([key, value]) => {
    const type = schema?.properties[key]?.type ?? typeof value;
    return KEY.test(key) && typeof value === type && String(value).length <= MAX_VALUE;
  });
}
