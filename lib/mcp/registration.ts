/** What tools, resources and prompts get when they are registered. */

import {
  McpServer,
  ProtocolError,
  type StandardSchemaWithJSON,
} from "@modelcontextprotocol/server";
import type { Caller } from "../caller.ts";
import {
  describeOutage,
  SignInRefusedError,
  UnavailableError,
  WorkOSSetupError,
} from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import { hasPermission, readPermission } from "./require_permission.ts";

type Callback = (...args: unknown[]) => unknown;

/**
 * Makes a function that prepares a server, to be called before anything is registered on it.
 *
 * - What throws is logged. The SDK tells the client and nobody else. What is for the operator does not
 *   reach the client.
 * - What needs a permission that the caller lacks is not there for them. It is registered on a server
 *   that nobody uses: one that was taken out again would leave a trace in the capabilities.
 * - A tool's schema is converted to JSON Schema once. The SDK asks for it with every call, since a
 *   server lives for one request, and converting is a tenth of what a call costs.
 */
export function createRegistration(log: Log): (server: McpServer, caller: Caller) => void {
  const converted = new WeakMap<object, object>();
  const convertOnce = (schema: object): object => {
    const known = converted.get(schema) ?? rememberJsonSchema(schema);
    converted.set(schema, known);
    return known;
  };

  const watch =
    (name: string, grantId: string, callback: Callback): Callback => async (...args) => {
      try {
        return await callback(...args);
      } catch (error) {
        // A protocol error is an answer, and so is a refusal; neither is a failure.
        if (!(error instanceof ProtocolError || error instanceof SignInRefusedError)) {
          log.warning("tool_failed", { name, grant_id: grantId, ...describeError(error) });
        }
        throw hideSetup(error);
      }
    };

  return (server, caller) => {
    const { grantId } = caller;
    let unused: McpServer | undefined;
    const methods = ["registerTool", "registerResource", "registerPrompt"] as const;
    for (const method of methods) {
      const register = server[method].bind(server) as Callback;
      const hide: Callback = (...args) => {
        unused ??= new McpServer({ name: "unused", version: "0" });
        return (unused[method] as Callback).apply(unused, args);
      };
      const replacement = (name: string, ...rest: unknown[]) => {
        const permission = rest.map(readPermission).find((found) => found !== undefined);
        const isVisible = permission === undefined || hasPermission(caller, permission);
        return (isVisible ? register : hide)(
          name,
          ...rest.map((argument) => {
            if (typeof argument === "function") return watch(name, grantId, argument as Callback);
            return hasInputSchema(argument)
              ? { ...argument, inputSchema: convertOnce(argument.inputSchema) }
              : argument;
          }),
        );
      };
      Object.assign(server, { [method]: replacement });
    }
  };
}

/** What went wrong between this server and WorkOS is for the log. */
function hideSetup(error: unknown): unknown {
  if (error instanceof UnavailableError) return new Error(describeOutage(error), { cause: error });
  if (!(error instanceof WorkOSSetupError)) return error;
  const message = "WorkOS refuses this server. Its operator finds the reason in the log.";
  return new Error(message, { cause: error });
}

function hasInputSchema(argument: unknown): argument is { inputSchema: object } {
  return typeof argument === "object" && argument !== null && "inputSchema" in argument &&
    typeof argument.inputSchema === "object" && argument.inputSchema !== null;
}

/** A schema that behaves like another one, but builds its JSON Schema only once. */
function rememberJsonSchema(schema: object): object {
  // Schema libraries may leave it out; the SDK then converts by other means, or says what is wrong.
  if (!hasJsonSchema(schema)) return schema;
  const standard = schema["~standard"];
  const built = new Map<string, Record<string, unknown>>();
  const input: typeof standard.jsonSchema.input = (options) => {
    if (options.libraryOptions) return standard.jsonSchema.input(options);
    const result = built.get(options.target) ?? standard.jsonSchema.input(options);
    built.set(options.target, result);
    return result;
  };
  const value = { ...standard, jsonSchema: { ...standard.jsonSchema, input } };
  return Object.create(schema, { "~standard": { value } });
}

function hasJsonSchema(schema: object): schema is StandardSchemaWithJSON {
  const standard: unknown = "~standard" in schema ? schema["~standard"] : undefined;
  return typeof standard === "object" && standard !== null && "jsonSchema" in standard;
}
