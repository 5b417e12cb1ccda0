/** The protected MCP endpoint: the SDK's handler behind the bearer gate. */

import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import type { Config } from "../config.ts";
import { describeError, type Log } from "../log.ts";
import type { Caller } from "../oauth/grants.ts";
import { resourceMetadataUrl } from "../oauth/metadata.ts";
import { readText } from "../request_body.ts";
import { createToolRegistration } from "./tool_registration.ts";
import { VisibleHeaders } from "./visible_headers.ts";

/** The tools, resources and prompts of a server. */
export interface McpDefinition {
  name: string;
  version: string;
  /** What a model should know before it uses the tools. */
  instructions?: string;
  /**
   * Registers everything on a server made for one request of one caller. It runs for every
   * request, so schemas belong outside of it.
   */
  register: (server: McpServer, caller: Caller) => void | Promise<void>;
}

/** What {@link createMcpEndpoint} needs. */
export interface McpEndpointOptions {
  config: Pick<Config, "baseUrl" | "resource">;
  definition: McpDefinition;
  gate: (request: Request) => Promise<Caller | Response>;
  log: Log;
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
  const { config, definition, gate, log } = options;
  const { name, version, instructions, register } = definition;
  const resource = new URL(config.resource);
  const prepareRegistration = createToolRegistration(log);

  const handler = createMcpHandler(async ({ authInfo }) => {
    const server = new McpServer({ name, version }, {
      capabilities: { tools: { listChanged: false }, resources: { listChanged: false } },
      ...(instructions && { instructions }),
    });
    const caller = readCaller(authInfo?.extra);
    prepareRegistration(server, caller);
    try {
      await register(server, caller);
    } catch (error) {
      log.error("register_failed", describeError(error));
      throw error;
    }
    return server;
  }, {
    maxRequestBodySize: MAX_MESSAGE,
    onerror: (error) => log.debug("mcp_error", { message: error.message }),
  });

  return {
    async fetch(request) {
      const caller = await gate(request);
      if (caller instanceof Response) return caller;
      Object.defineProperty(request, "headers", { value: new VisibleHeaders(request.headers) });
      const { message, unread } = await readMessage(request);
      return await handler.fetch(unread, {
        parsedBody: message,
        authInfo: {
          token: "",
          clientId: caller.clientId,
          scopes: [...caller.scopes],
          expiresAt: Math.floor(caller.expiresAt / 1000),
          resource,
          resourceMetadataUrl: resourceMetadataUrl(config),
          extra: { caller },
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
 * Reads a message of a known length at once. Left to itself the SDK copies the stream first, for a
 * fifth of what a whole call costs. All other bodies, and what is no JSON, it deals with by itself.
 */
async function readMessage(request: Request): Promise<{ message?: unknown; unread: Request }> {
  const length = Number(request.headers.get("content-length"));
  if (request.method !== "POST" || !(length > 0 && length <= MAX_MESSAGE)) {
    return { unread: request };
  }
  const text = await readText(request);
  try {
    return { message: JSON.parse(text), unread: request };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { url, method, headers } = request;
    return { unread: new Request(url, { method, headers, body: text }) };
  }
}
