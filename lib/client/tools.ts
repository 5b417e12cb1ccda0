/** The tools of a server: list them, call one, show what came back. */

import {
  type CallToolResult,
  type ContentBlock,
  type ProgressCallback,
  ProtocolError,
  type Tool,
} from "@modelcontextprotocol/client";
import * as z from "zod";
import { CommandError, ExitCode } from "../errors.ts";
import type { Connection } from "./connect.ts";
import { toMcpFailure } from "./malformed_answer.ts";
import { sanitizeLine, sanitizeText } from "./sanitize.ts";

/** Characters of a failed tool's words that are shown. */
const LONGEST_REASON = 2_000;

/** Pages of a list that are read: one without end must not be read for ever. */
const MOST_PAGES = 64;

const pageSchema = z.looseObject({
  tools: z.array(z.looseObject({})),
  nextCursor: z.string().optional(),
});

/** A tool that says it failed, or does not accept the call. */
export class ToolError extends CommandError {
  /**
   * @param name the tool.
   * @param reason its own words.
   * @param result all it answered, if it did.
   */
  constructor(name: string, reason: string, readonly result?: CallToolResult, cause?: unknown) {
    const words = sanitizeText(reason).trim();
    const shown = words.length > LONGEST_REASON ? `${words.slice(0, LONGEST_REASON)}…` : words;
    super("tool_failed", `${sanitizeLine(name)} failed: ${shown}`, ExitCode.toolFailed, { cause });
    this.name = "ToolError";
  }
}

/** All tools of the server; none if it does not have any. */
export async function listTools({ client, requestOptions }: Connection): Promise<Tool[]> {
  if (!client.getServerCapabilities()?.tools) return [];
  try {
    return (await client.listTools(undefined, requestOptions)).tools;
  } catch (error) {
    throw toMcpFailure(error);
  }
}

/** The same, member for member as the server sent them: the SDK drops what it does not know. */
export async function listRawTools(
  { client, requestOptions }: Connection,
): Promise<Record<string, unknown>[]> {
  if (!client.getServerCapabilities()?.tools) return [];
  const tools: Record<string, unknown>[] = [];
  try {
    let cursor: string | undefined;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const request = { method: "tools/list", params: cursor === undefined ? {} : { cursor } };
      const page = await client.request(request, pageSchema, requestOptions);
      tools.push(...page.tools);
      cursor = page.nextCursor;
      if (cursor === undefined) return tools;
    }
  } catch (error) {
    throw toMcpFailure(error);
  }
  throw new CommandError(
    "invalid_result",
    `The list of tools has more than ${MOST_PAGES} pages. Tell whoever runs the server.`,
  );
}

/**
 * Calls a tool.
 *
 * @param name the tool.
 * @param args its arguments.
 * @param onProgress hears what the tool reports while it works; as long as it does, the call does
 *   not time out.
 * @throws {ToolError} `tool_failed` when the tool says so, or does not accept the call.
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
    throw new ToolError(name, error.message, undefined, error);
  }
  if (!result.isError) return result;
  throw new ToolError(
    name,
    renderBlocks(result.content).join("\n") || renderContent(result),
    result,
  );
}

/**
 * The result of a tool as text for people. Structured content is JSON; the text beside it says the
 * same to clients that do not know of it (MCP 2025-06-18, server/tools), so it is left away. What
 * is not text is named, not dumped.
 *
 * @param result what the tool answered.
 */
export function renderContent({ content, structuredContent }: CallToolResult): string {
  if (structuredContent === undefined && content?.length > 0) {
    return renderBlocks(content).join("\n");
  }
  const json = sanitizeText(JSON.stringify(structuredContent ?? {}, undefined, 2));
  const others = content?.filter(({ type }) => type !== "text");
  return [json, ...renderBlocks(others)].join("\n");
}

/** Some servers leave the list out where there is structured content. */
function renderBlocks(blocks: ContentBlock[] | undefined): string[] {
  return (blocks ?? []).map(renderBlock);
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
      const { resource } = block;
      return "text" in resource
        ? sanitizeText(resource.text)
        : describe("resource", resource.uri, resource.mimeType, countBytes(resource.blob));
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
