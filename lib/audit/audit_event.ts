/** What goes into the audit log of an organization, in the shape of WorkOS Audit Logs. */

import type { CreateAuditLogEventOptions } from "@workos-inc/node";
import type { RequestContext } from "../request_context.ts";
import type { Identity } from "../workos/upstream.ts";

/** What somebody did, or what was done to them. */
export type AuditAction =
  | "mcp.sign_in.completed"
  | "mcp.sign_in.refused"
  | "mcp.tool.called"
  | "mcp.grant.ended";

/** Who it is about; what is more than the id may be found out later. */
export type AuditActor = Pick<Identity, "userId"> & Partial<Identity>;

/** One entry before it is sent. Never holds the arguments or the result of a tool. */
export interface AuditEvent {
  action: AuditAction;
  /** `org_…`; what happens outside an organization is in this server's own log only. */
  organizationId: string | null | undefined;
  actor: AuditActor;
  clientId: string;
  /** Name of the tool, for `mcp.tool.called`. */
  tool?: string;
  /** Of the names that `AUDIT_SCHEMAS` has for the action. */
  metadata: Record<string, string | number>;
}

/** WorkOS refuses longer values. */
const MAX_VALUE = 500;

/**
 * Builds an entry.
 *
 * @param context of the request that caused it; absent for what this server does by itself.
 * @param occurredAt epoch milliseconds.
 */
export function buildAuditEntry(
  { action, actor, clientId, tool, metadata }: AuditEvent,
  context: RequestContext | undefined,
  occurredAt: number,
): CreateAuditLogEventOptions & { action: AuditAction } {
  const { userId, email, sessionId, impersonator } = actor;
  return {
    action,
    occurredAt: new Date(occurredAt),
    actor: {
      type: "user",
      id: userId,
      ...(email && { name: email }),
      metadata: {
        ...(sessionId && { session_id: sessionId }),
        ...(impersonator && { impersonator }),
      },
    },
    targets: [
      { type: "mcp_client", id: cut(clientId) },
      ...tool === undefined ? [] : [{ type: "mcp_tool", id: cut(tool) }],
    ],
    context: {
      location: context?.address ?? "this server",
      ...(context?.userAgent && { userAgent: cut(context.userAgent) }),
    },
    metadata: {
      ...(context && { request_id: context.requestId }),
      ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, cut(value)])),
    },
  };
}

function cut<T extends string | number>(value: T): T {
  // A part of a text is a text.
  return (typeof value === "string" ? value.slice(0, MAX_VALUE) : value) as T;
}
