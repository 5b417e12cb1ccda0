/** The tools of a server: list them, call one, show what came back. */

import { type CallToolResult, ProtocolError, type Tool } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { Connection } from "./connect.ts";
import { toCommandError } from "./failure.ts";
import { sanitizeLine, sanitizeText } from "./sanitize.ts";

/** All tools of the server; none if it does not have any. */
export async function listTools({ client, requestOptions }: Connection): Promise<Tool[]> {
  if (!client.getServerCapabilities()?.tools) return [];
  try {
    return (await client.listTools(undefined, requestOptions)).tools;
  } catch (error) {
    throw toCommandError(error);
  }
}

/**
 * Calls a tool.
 *
 * @param name the tool.
 * @param args its arguments.
 * @throws {CommandError} `tool_failed` when the tool says so, or does not accept the call.
 */
export async function callTool(
  { client, requestOptions }: Connection,
  name: string,
  args: Record<string, unknown>,
): Promise<CallToolResult> {
  let result: CallToolResult;
  try {
    result = await client.callTool({ name, arguments: args }, requestOptions);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw toCommandError(error);
    throw toolFailure(name, error.message, error);
  }
  if (result.isError) throw toolFailure(name, renderContent(result));
  return result;
}

/**
 * The result of a tool as text for people.
 *
 * @param result what the tool answered.
 */
export function renderContent(result: CallToolResult): string {
  const blocks = (result.content ?? []).map((block) => {
    switch (block.type) {
      case "text":
        return sanitizeText(block.text);
      case "image":
      case "audio":
        return `[${block.type}, ${sanitizeLine(block.mimeType)}]`;
      case "resource_link":
        return sanitizeLine(block.uri);
      case "resource":
        return "text" in block.resource
          ? sanitizeText(block.resource.text)
          : sanitizeLine(block.resource.uri);
    }
  });
  if (blocks.length > 0) return blocks.join("\n");
  return sanitizeText(JSON.stringify(result.structuredContent ?? {}, undefined, 2));
}

function toolFailure(name: string, reason: string, cause?: unknown): CommandError {
  return new CommandError(
    "tool_failed",
    `${sanitizeLine(name)} failed: ${sanitizeLine(reason)}`,
    ExitCode.toolFailed,
    { cause },
  );
}
