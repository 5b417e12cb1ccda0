/** What tools, resources and prompts get when they are registered. */

import {
  McpServer,
  ProtocolError,
  type ScopeChallengeHandler,
  type StandardSchemaWithJSON,
} from "@modelcontextprotocol/server";
import type { Audit } from "../audit/audit.ts";
import type { Caller } from "../caller.ts";
import {
  describeOutage,
  SignInRefusedError,
  UnavailableError,
  WorkOSSetupError,
} from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import { hasPermission, readPermission } from "./require_permission.ts";
import { type Callback, type ToolCalls, watchToolCalls } from "./tool_calls.ts";

/** What {@link createRegistration} needs. */
export interface RegistrationOptions {
  log: Log;
  audit: Pick<Audit, "record">;
  /** Clock, in epoch milliseconds. */
  now: () => number;
}

/**
 * Prepares a server for one request of one caller.
 *
 * @param called names of the tools that the request calls.
 */
export type PrepareRegistration = (
  server: McpServer,
  caller: Caller,
  called: ReadonlySet<string>,
) => void;

/**
 * Makes a function that prepares a server, to be called before anything is registered on it.
 *
 * - What throws is logged. The SDK tells the client and nobody else. What is for the operator does not
 *   reach the client.
 * - What needs a permission that the caller lacks is not there for them. It is registered on a server
 *   that nobody uses: one that was taken out again would leave a trace in the capabilities.
 * - Calls of tools are noted in both logs, also those that do not come to the tool.
 * - A tool's schema is converted to JSON Schema once. The SDK asks for it with every call, since a
 *   server lives for one request, and converting is a tenth of what a call costs.
 */
export function createRegistration(options: RegistrationOptions): PrepareRegistration {
  const { log } = options;
  const converted = new WeakMap<object, object>();
  const convertOnce = (schema: object): object => {
    const known = converted.get(schema) ?? rememberJsonSchema(schema);
    converted.set(schema, known);
    return known;
  };

  const prepareTool = (name: string, config: unknown, calls: ToolCalls): unknown => ({
    ...config as object,
    ...hasInputSchema(config) && {
      inputSchema: calls.watchInput(name, convertOnce(config.inputSchema)),
    },
    ...hasScopeChallenge(config) && {
      scopeChallenge: noteChallenge(config.scopeChallenge, () => calls.deny(name)),
    },
  });

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

  return (server, caller, called) => {
    const { grantId } = caller;
    const calls = watchToolCalls(options, caller, called);
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
        const isTool = method === "registerTool";
        if (isTool && !isVisible) calls.deny(name);
        return (isVisible ? register : hide)(
          name,
          ...rest.map((argument) => {
            if (typeof argument === "function") {
              const watched = watch(name, grantId, argument as Callback);
              return isTool ? calls.watch(name, watched) : watched;
            }
            return isTool ? prepareTool(name, argument, calls) : argument;
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
  // That there is no key gives nothing away, and whoever uses the tool can ask for one.
  if (!(error instanceof WorkOSSetupError) || error.code === "no_api_key") return error;
  const message = "WorkOS refuses this server. Its operator finds the reason in the log.";
  return new Error(message, { cause: error });
}

/** A challenge means that the call does not come to the tool. */
function noteChallenge(
  challenge: ScopeChallengeHandler,
  onChallenge: () => void,
): ScopeChallengeHandler {
  return async (context) => {
    const answer = await challenge(context);
    if (answer !== undefined) onChallenge();
    return answer;
  };
}

function hasScopeChallenge(
  argument: unknown,
): argument is { scopeChallenge: ScopeChallengeHandler } {
  return typeof argument === "object" && argument !== null && "scopeChallenge" in argument &&
    typeof argument.scopeChallenge === "function";
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
