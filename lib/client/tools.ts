/** The tools of a server: list them, call one, show what came back. */

import {
  type CallToolResult,
  type ContentBlock,
  type ProgressCallback,
  ProtocolError,
  type Tool,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { Connection } from "./connect.ts";
import { toMcpFailure } from "./malformed_answer.ts";
import { sanitizeLine, sanitizeText } from "./sanitize.ts";

/** Characters of a failed tool's words that are shown. */
const LONGEST_REASON = 2_000;

/** All tools of the server; none if it does not have any. */
export async function listTools({ client, requestOptions }: Connection): Promise<Tool[]> {
  if (!client.getServerCapabilities()?.tools) return [];
  try {
    return (await client.listTools(undefined, requestOptions)).tools;
  } catch (error) {
    throw toMcpFailure(error);
  }
}

/**
 * Calls a tool.
 *
 * @param name the tool.
 * @param args its arguments.
 * @param onProgress hears what the tool reports while it works; as long as it does, the call does
 *   not time out.
 * @throws {CommandError} `tool_failed` when the tool says so, or does not accept the call.
 */
export async function callTool(
  { client, requestOptions }: Connection,
  name: string,
  args: Record<string, unknown>,
  onProgress?: ProgressCallback,
): Promise<CallToolResult> {
  let result: CallToolResult;
  try {
    result = await client.callTool({ name, arguments: args }, {
      ...requestOptions,
      ...onProgress && { onprogress: onProgress, resetTimeoutOnProgress: true },
    });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw toMcpFailure(error);
    throw toolFailure(name, error.message, error);
  }
  if (result.isError) throw toolFailure(name, renderContent(result));
  return result;
}

/**
 * The result of a tool as text for people. What is not text is named, not dumped.
 *
 * @param result what the tool answered.
 */
export function renderContent(result: CallToolResult): string {
  const blocks = (result.content ?? []).map(renderBlock);
  if (blocks.length > 0) return blocks.join("\n");
  return sanitizeText(JSON.stringify(result.structuredContent ?? {}, undefined, 2));
}

function renderBlock(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return sanitizeText(block.text);
    case "image":
    case "audio":
      return describe(block.type, block.mimeType, countBytes(block.data));
    case "resource_link":
      return describe("resource", block.uri, block.mimeType, block.title ?? block.name);
    case "resource": {
      const { uri, mimeType } = block.resource;
      const size = "text" in block.resource
        ? `${block.resource.text.length} characters`
        : countBytes(block.resource.blob);
      return describe("resource", uri, mimeType, size);
    }
  }
}

function describe(...parts: (string | undefined)[]): string {
  return `[${parts.filter((part) => !!part).map((part) => sanitizeLine(part ?? "")).join(", ")}]`;
}

/** The size of what a text of base64 stands for. */
function countBytes(base64: string): string {
  return `${Math.floor(base64.replace(/=+$/, "").length * 3 / 4)} bytes`;
}

function toolFailure(name: string, reason: string, cause?: unknown): CommandError {
  const words = sanitizeText(reason).trim();
  const shown = words.length > LONGEST_REASON ? `${words.slice(0, LONGEST_REASON)}…` : words;
  return new CommandError(
    "tool_failed",
    `${sanitizeLine(name)} failed: ${shown}`,
    ExitCode.toolFailed,
    { cause },
  );
}
