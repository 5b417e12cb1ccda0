/** `tools`: what the server offers. */

import type { Tool } from "@modelcontextprotocol/client";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import type { Output } from "../output.ts";
import { renderTable } from "../table.ts";
import { listRawTools, listTools } from "../tools.ts";
import { withConnection } from "./session.ts";

/**
 * Lists the tools: what they do, and which only read or may destroy, as far as the server says.
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

function describeTools(tools: Tool[]): { columns: string[]; rows: string[][] } {
  const rows = tools.map((tool) => [
    tool.name,
    describeEffect(tool),
    tool.description ?? tool.title ?? tool.annotations?.title ?? "",
  ]);
  return rows.some(([, effect]) => effect)
    ? { columns: ["TOOL", "EFFECT", "WHAT IT DOES"], rows }
    : {
      columns: ["TOOL", "WHAT IT DOES"],
      rows: rows.map(([name = "", , description = ""]) => [name, description]),
    };
}

/** Only what the server said itself: silence does not mean that a tool is harmless. */
function describeEffect({ annotations }: Tool): string {
  if (annotations?.readOnlyHint) return "read-only";
  return annotations?.destructiveHint ? "destructive" : "";
}
