/** What every tool gets when it is registered: a JSON Schema built once, and a log of its failures. */

import {
  type McpServer,
  ProtocolError,
  type StandardSchemaWithJSON,
} from "@modelcontextprotocol/server";
import { describeError, type Log } from "../log.ts";
import type { Caller } from "../oauth/grants.ts";

/**
 * Makes a function that prepares a server, to be called before tools are registered on it.
 *
 * - A schema remembers its JSON Schema. The SDK asks for it with every call, since a server lives
 *   for one request, and building it is a tenth of what a call costs.
 * - A tool that throws is logged. The SDK tells the client and nobody else.
 */
export function createToolRegistration(log: Log): (server: McpServer, caller: Caller) => void {
  const known = new WeakSet<object>();

  const remember = (schema: object): void => {
    if (known.has(schema) || !hasJsonSchema(schema)) return;
    known.add(schema);
    const { jsonSchema } = schema["~standard"];
    const convert = jsonSchema.input;
    const built = new Map<string, Record<string, unknown>>();
    const input: typeof convert = (options) => {
      if (options.libraryOptions) return convert(options);
      const result = built.get(options.target) ?? convert(options);
      built.set(options.target, result);
      return result;
    };
    Object.assign(jsonSchema, { input });
  };

  type Callback = (...args: unknown[]) => unknown;
  const watch =
    (tool: string, grantId: string, callback: Callback): Callback => async (...args) => {
      try {
        return await callback(...args);
      } catch (error) {
        // A protocol error is an answer, not a failure.
        if (!(error instanceof ProtocolError)) {
          log.warning("tool_failed", { tool, grant_id: grantId, ...describeError(error) });
        }
        throw error;
      }
    };

  return (server, { grantId }) => {
    type Register = (name: string, tool: { inputSchema?: object }, callback: Callback) => unknown;
    const register = server.registerTool.bind(server) as Register;
    const replacement: Register = (name, tool, callback) => {
      if (tool.inputSchema) remember(tool.inputSchema);
      return register(name, tool, watch(name, grantId, callback));
    };
    Object.assign(server, { registerTool: replacement });
  };
}

/** Schema libraries may leave it out; the SDK then converts by other means, or says what is wrong. */
function hasJsonSchema(schema: object): schema is StandardSchemaWithJSON {
  const standard: unknown = "~standard" in schema ? schema["~standard"] : undefined;
  return typeof standard === "object" && standard !== null && "jsonSchema" in standard;
}
