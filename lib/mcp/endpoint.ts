/** The protected MCP endpoint: the SDK's handler behind the bearer gate. */

import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import type { Audit } from "../audit/audit.ts";
import type { Caller } from "../caller.ts";
import type { Config } from "../config.ts";
import { describeError, type Log } from "../log.ts";
import { resourceMetadataUrl } from "../oauth/metadata.ts";
import { readBody } from "../request_body.ts";
import type { Directory } from "../workos/directory.ts";
import { createRegistration } from "./registration.ts";
import { readToolNames } from "./tool_calls.ts";
import { VisibleHeaders } from "./visible_headers.ts";

/** The tools, resources and prompts of a server. */
export interface McpDefinition {
  name: string;
  version: string;
  /** What a model should know before it uses the tools. */
  instructions?: string;
  /**
   * Registers everything on a server made for one request of one caller. It runs for every
   * request, so schemas belong outside of it. The directory answers what only WorkOS knows.
   */
  register: (server: McpServer, caller: Caller, directory: Directory) => void | Promise<void>;
}

/** What {@link createMcpEndpoint} needs. */
export interface McpEndpointOptions {
  config: Pick<Config, "baseUrl" | "resource">;
  definition: McpDefinition;
  directory: Directory;
  gate: (request: Request) => Promise<Caller | Response>;
  /** Counts messages of a grant, and throws {@link RateLimitedError} when there are too many. */
  limit: (grantId: string, count: number) => void;
  log: Log;
  audit: Pick<Audit, "record">;
  /** Clock, in epoch milliseconds. */
  now: () => number;
}

/** Largest message, in bytes. */
const MAX_MESSAGE = 4 * 1024 * 1024;

/** Answers `/mcp`. */
export interface McpEndpoint {
  fetch(request: Request): Promise<Response>;
  /** Ends open streams. */
  close(): Promise<void>;
}

/**
 * Makes the endpoint: protocol 2026-07-28 and every 2025 revision, stateless. A fresh server per
 * request, so that nothing of one caller can reach another (CVE-2026-25536).
 */
export function createMcpEndpoint(options: McpEndpointOptions): McpEndpoint {
  const { config, definition, directory, gate, limit, log } = options;
  const { name, version, instructions, register } = definition;
  const resource = new URL(config.resource);
  const prepareRegistration = createRegistration(options);

  const handler = createMcpHandler(async ({ authInfo }) => {
    const server = new McpServer({ name, version }, {
      capabilities: { tools: { listChanged: false }, resources: { listChanged: false } },
      ...(instructions && { instructions }),
    });
    const caller = readCaller(authInfo?.extra);
    prepareRegistration(server, caller, readToolNames(authInfo?.extra?.message));
    try {
      await register(server, caller, directory);
    } catch (error) {
      log.error("register_failed", describeError(error));
      throw error;
    }
    return server;
  }, {
    onerror: (error) => log.debug("mcp_error", { message: error.message }),
  });

  return {
    async fetch(request) {
      const caller = await gate(request);
      if (caller instanceof Response) return caller;
      Object.defineProperty(request, "headers", { value: new VisibleHeaders(request.headers) });
      const { message, rest } = await readMessage(request);
      // The batches of 2025-03-26 hold many calls.
      limit(caller.grantId, Array.isArray(message) ? Math.max(1, message.length) : 1);
      return await handler.fetch(rest, {
        parsedBody: message,
        authInfo: {
          token: "",
          clientId: caller.clientId,
          scopes: [...caller.scopes],
          expiresAt: Math.floor(caller.expiresAt / 1000),
          resource,
          resourceMetadataUrl: resourceMetadataUrl(config),
          extra: { caller, message },
        },
      });
    },
    close: () => handler.close(),
  };
}

/** The caller that {@link createMcpEndpoint} put there; the handler only runs behind the gate. */
function readCaller(extra: Record<string, unknown> | undefined): Caller {
  const caller = extra?.caller;
  if (!caller) throw new Error("A request reached the MCP server without passing the gate.");
  return caller as Caller;
}

/**
 * Reads and parses a message. Left to itself the SDK copies the stream first, for a fifth of what a
 * whole call costs. What is no JSON it answers by itself.
 *
 * @returns the message, if it is one, and a request for the SDK.
 */
async function readMessage(request: Request): Promise<{ message?: unknown; rest: Request }> {
  if (request.method !== "POST") return { rest: request };
  const text = await readBody(request, MAX_MESSAGE);
  try {
    return { message: JSON.parse(text), rest: request };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { url, method, headers } = request;
    return { rest: new Request(url, { method, headers: [...headers], body: text }) };
  }
}
