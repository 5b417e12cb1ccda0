/** Every call of a tool for the log and the audit log: how it went, and never with what. */

import type { StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type { Audit } from "../audit/audit.ts";
import type { Caller } from "../caller.ts";
import type { Log } from "../log.ts";

/** How a call went: `denied` before it came to the tool, for want of a scope or a permission. */
type Outcome = "completed" | "failed" | "denied";

/** A tool's function, or any other of a definition. */
export type Callback = (...args: unknown[]) => unknown;

/** The calls of one request. */
export interface ToolCalls {
  /** Makes a function that does the same and is noted. */
  watch(name: string, callback: Callback): Callback;
  /** Makes a schema that does the same, and notes calls whose arguments it refuses. */
  watchInput(name: string, schema: object): object;
  /** Notes a call that is not let through; nothing for a tool that was not called. */
  deny(name: string): void;
}

/**
 * Makes the watch over the calls of one request.
 *
 * @param called names of the tools that it calls.
 */
export function watchToolCalls(
  { log, audit, now }: { log: Log; audit: Pick<Audit, "record">; now: () => number },
  caller: Caller,
  called: ReadonlySet<string>,
): ToolCalls {
  const record = (tool: string, outcome: Outcome, duration: number): void => {
    const { grantId, clientId, userId, organizationId } = caller;
    // Also what is in the audit log: that is WorkOS's, and may be away or switched off. At a level that
    // costs nothing: a line written is a tenth of what a whole call costs.
    log.debug("tool_called", {
      name: tool,
      grant_id: grantId,
      client_id: clientId,
      user_id: userId,
      organization_id: organizationId,
      outcome,
      duration_ms: duration,
    });
    audit.record({
      action: "mcp.tool.called",
      organizationId,
      actor: { userId },
      clientId,
      tool,
      metadata: { grant_id: grantId, outcome, duration_ms: duration },
    }, () => caller.readIdentity());
  };

  return {
    watch: (name, callback) => async (...args) => {
      const startedAt = now();
      let outcome: Outcome = "failed";
      try {
        const result = await callback(...args);
        if (!isFailure(result)) outcome = "completed";
        return result;
      } finally {
        record(name, outcome, now() - startedAt);
      }
    },
    watchInput(name, schema) {
      // The SDK takes other forms of schemas too, which it validates by itself.
      if (!called.has(name) || !isStandardSchema(schema)) return schema;
      const standard = schema["~standard"];
      const validate: typeof standard.validate = async (value) => {
        const result = await standard.validate(value);
        if (result.issues?.length) record(name, "failed", 0);
        return result;
      };
      return Object.create(schema, { "~standard": { value: { ...standard, validate } } });
    },
    deny(name) {
      if (called.has(name)) record(name, "denied", 0);
    },
  };
}

function isStandardSchema(schema: object): schema is StandardSchemaWithJSON {
  return "~standard" in schema;
}

/** Tools say so in their result when they could not do what was asked. */
function isFailure(result: unknown): boolean {
  return typeof result === "object" && result !== null && "isError" in result &&
    result.isError === true;
}

/** Finds the tools that a message, or a batch of them, calls. */
export function readToolNames(message: unknown): ReadonlySet<string> {
  const names = [message].flat().flatMap((call) => {
    const { method, params }: { method?: unknown; params?: { name?: unknown } | null } =
      typeof call === "object" && call !== null ? call : {};
    return method === "tools/call" && typeof params?.name === "string" ? [params.name] : [];
  });
  return new Set(names);
}
