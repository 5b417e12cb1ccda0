/** What is told of an MCP request: nothing that a caller made up, since anything may stand there. */

import type { JSONRPCMessage, JSONRPCRequest } from "@modelcontextprotocol/server";
import type { Attributes } from "@opentelemetry/api";

/** Of all revisions, as far as clients ask servers. */
const METHODS = new Set([
  "completion/complete",
  "initialize",
  "logging/setLevel",
  "ping",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/subscribe",
  "resources/templates/list",
  "resources/unsubscribe",
  "server/discover",
  "subscriptions/listen",
  "tools/call",
  "tools/list",
]);

/** What was registered on a server, by name. */
export interface Registered {
  tools: ReadonlySet<string>;
  prompts: ReadonlySet<string>;
}

/** A request in the words of the semantic conventions. */
export interface McpRequestDescription {
  spanName: string;
  attributes: Attributes;
}

/** Describes a request by its method and by the tool or prompt it is for. */
export function describeMcpRequest(
  { method, params }: JSONRPCRequest,
  { tools, prompts }: Registered,
): McpRequestDescription {
  const name = typeof params?.name === "string" ? params.name : "";
  if (method === "tools/call") {
    const operation = { "mcp.method.name": method, "gen_ai.operation.name": "execute_tool" };
    return tools.has(name)
      ? { spanName: `${method} ${name}`, attributes: { ...operation, "gen_ai.tool.name": name } }
      : { spanName: method, attributes: operation };
  }
  if (method === "prompts/get" && prompts.has(name)) {
    const attributes = { "mcp.method.name": method, "gen_ai.prompt.name": name };
    return { spanName: `${method} ${name}`, attributes };
  }
  const known = METHODS.has(method) ? method : "_OTHER";
  return { spanName: known, attributes: { "mcp.method.name": known } };
}

/**
 * Describes how a request went.
 *
 * @returns attributes of its answer, or undefined for a message that is none.
 */
export function describeMcpAnswer(message: JSONRPCMessage): Attributes | undefined {
  if ("error" in message) {
    const code = String(message.error.code);
    return { "error.type": code, "rpc.response.status_code": code };
  }
  if (!("result" in message)) return undefined;
  return message.result.isError === true ? { "error.type": "tool_error" } : {};
}
