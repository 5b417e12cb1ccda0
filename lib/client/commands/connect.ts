/** The default command: connect, show the tools, call the two every sign-in server has. */

import type { CallToolResult, Tool } from "@modelcontextprotocol/client";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import { cutToWidth, measureWidth, padToWidth } from "../display_width.ts";
import type { Output, Style } from "../output.ts";
import { sanitizeLine } from "../sanitize.ts";
import { callTool, listTools, renderContent } from "../tools.ts";
import { rememberAccount, WHOAMI, withConnection } from "./session.ts";

/** What shows that a sign-in worked: who one is, and that calls get through. */
const DEMONSTRATION = [
  { name: WHOAMI, args: {} },
  { name: "echo", args: { message: "Hello from the MCP client" } },
];

/**
 * Connects, signs in if it must, lists the tools and calls `whoami` and `echo`.
 *
 * @param args the command line.
 * @param options see {@link ConnectOptions}.
 * @param output receives the result.
 * @throws {CommandError}
 */
export async function runConnect(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
): Promise<void> {
  await withConnection(args, options, output, async (connection) => {
    const tools = await listTools(connection);
    const results: Record<string, CallToolResult> = {};
    for (const { name, args } of DEMONSTRATION) {
      if (tools.some((tool) => tool.name === name)) {
        results[name] = await callTool(connection, name, args);
      }
    }
    const { name, version } = connection.client.getServerVersion() ?? { name: "", version: "" };
    const protocol = connection.client.getNegotiatedProtocolVersion();
    const server = { url: args.url, name, version, protocol_version: protocol };
    output.result({ server, tools, results }, (style) => render(server, tools, results, style));
    if (results[WHOAMI]) await rememberAccount(args.url, options, results[WHOAMI]);
  });
}

function render(
  server: { url: string; name: string; version: string; protocol_version: string | undefined },
  tools: Tool[],
  results: Record<string, CallToolResult>,
  { bold, dim, width: room }: Style,
): string {
  const title = `${server.name} ${server.version}`.trim() || "an MCP server";
  const names = tools.map(({ name }) => sanitizeLine(name));
  const width = Math.max(0, ...names.map(measureWidth));
  const limit = Math.min(100, Math.max(20, room - width - 4));
  const rows = tools.map(({ description, title }, index) => {
    const text = sanitizeLine(description ?? title ?? "", Infinity);
    const name = padToWidth(names[index] ?? "", width);
    return `  ${bold(name)}  ${cutToWidth(text, limit)}`.trimEnd();
  });
  const answers = Object.entries(results).flatMap(([name, result]) => [
    "",
    bold(name),
    ...renderContent(result).split("\n").map((line) => `  ${line}`),
  ]);
  const missing = DEMONSTRATION.map(({ name }) => name).filter((name) => !(name in results));
  return [
    `Connected to ${sanitizeLine(title)} at ${server.url}`,
    dim(`MCP ${server.protocol_version ?? ""}`),
    "",
    bold(tools.length === 0 ? "No tools" : "Tools"),
    ...rows,
    ...answers,
    ...missing.length > 0 ? ["", dim(`This server does not offer ${missing.join(" and ")}.`)] : [],
  ].join("\n");
}
