/** `tools`: what the server offers. */

import type { Tool } from "@modelcontextprotocol/client";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import type { Output } from "../output.ts";
import { renderTable, type Table } from "../table.ts";
import { describeArguments } from "../tool_arguments.ts";
import { listRawTools, listTools } from "../tools.ts";
import { withConnection } from "./session.ts";

/**
 * Lists the tools: what they take and do, and which only read or may destroy, as far as the server
 * says.
 *
 * @param args the command line.
 * @param options see {@link ConnectOptions}.
 * @param output receives the result: as JSON the list that the server sent.
 * @throws {CommandError}
 */
export async function runTools(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
): Promise<void> {
  await withConnection(args, options, output, async (connection) => {
    // For people only what is known and right.
    if (args.json) return output.result(await listRawTools(connection), () => "");
    const tools = await listTools(connection);
    output.result(
      tools,
      (style) =>
        tools.length === 0
          ? "This server has no tools for you."
          : renderTable(describeTools(tools), style),
    );
  });
}

/** Without columns in which nothing would be. */
function describeTools(tools: Tool[]): Table {
  const columns = ["TOOL", "ARGUMENTS", "EFFECT", "WHAT IT DOES"];
  const rows = tools.map((tool) => [
    tool.name,
    describeArguments(tool),
    describeEffect(tool),
    tool.description ?? tool.title ?? tool.annotations?.title ?? "",
  ]);
  const last = columns.length - 1;
  const isShown = (_: string, index: number) => index === last || rows.some((row) => row[index]);
  return { columns: columns.filter(isShown), rows: rows.map((row) => row.filter(isShown)) };
}

/** Only what the server said itself: silence does not mean that a tool is harmless. */
function describeEffect({ annotations }: Tool): string {
  if (annotations?.readOnlyHint) return "read-only";
  return annotations?.destructiveHint ? "destructive" : "";
}
