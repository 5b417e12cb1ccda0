/** Schemas of the audit log's entries, which WorkOS wants to know before it takes any. */

import type { AuditAction } from "./audit_event.ts";

type ValueType = "string" | "number";

/** What one action's entries look like: WorkOS takes no others. */
export interface AuditSchema {
  action: AuditAction;
  targets: { type: string }[];
  actor: { metadata: Record<string, ValueType> };
  metadata: Record<string, ValueType>;
}

const ACTOR_METADATA = { session_id: "string", impersonator: "string" } as const;
const CLIENT = { type: "mcp_client" };

/** Schemas to register at WorkOS, which switches the audit log on, action by action. */
export const AUDIT_SCHEMAS: readonly AuditSchema[] = [{
  action: "mcp.sign_in.completed",
  targets: [CLIENT],
  actor: { metadata: ACTOR_METADATA },
  metadata: { request_id: "string", authentication_method: "string", scope: "string" },
}, {
  action: "mcp.sign_in.refused",
  targets: [CLIENT],
  actor: { metadata: ACTOR_METADATA },
  metadata: { request_id: "string", reason: "string" },
}, {
  action: "mcp.tool.called",
  targets: [CLIENT, { type: "mcp_tool" }],
  actor: { metadata: ACTOR_METADATA },
  metadata: {
    request_id: "string",
    grant_id: "string",
    outcome: "string",
    duration_ms: "number",
  },
}, {
  action: "mcp.grant.ended",
  targets: [CLIENT],
  actor: { metadata: ACTOR_METADATA },
  metadata: { request_id: "string", grant_id: "string", reason: "string" },
}];

/** A schema in the form that the WorkOS API and the dashboard take. */
export interface SchemaDescription {
  action: AuditAction;
  schema: {
    targets: { type: string }[];
    actor: { metadata: TypesDescription };
    metadata: TypesDescription;
  };
}

interface TypesDescription {
  type: "object";
  properties: Record<string, { type: ValueType }>;
}

/** Describes a schema for WorkOS. */
export function describeSchema(
  { action, targets, actor, metadata }: AuditSchema,
): SchemaDescription {
  return {
    action,
    schema: {
      targets,
      actor: { metadata: describeTypes(actor.metadata) },
      metadata: describeTypes(metadata),
    },
  };
}

function describeTypes(types: Record<string, ValueType>): TypesDescription {
  return {
    type: "object",
    properties: Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }])),
  };
}
