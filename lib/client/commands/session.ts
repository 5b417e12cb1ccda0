/** What every command does that talks to an MCP server. */

import type { CallToolResult } from "@modelcontextprotocol/client";
import { parseJson } from "../../json.ts";
import type { Arguments } from "../arguments.ts";
import { connect, type Connection } from "../connect.ts";
import type { ConnectOptions } from "../context.ts";
import { waitForOthers } from "../exclusive.ts";
import type { Output } from "../output.ts";
import { sanitizeLine } from "../sanitize.ts";
import { withAccount } from "../server_record.ts";
import { parseServerUrl } from "../server_url.ts";

/** The tool by which a server tells who is signed in. */
export const WHOAMI = "whoami";

/** Where an answer of `whoami` names a person, best first. */
const NAMES = ["email", "name", "user_id", "sub"];

/**
 * Connects, signs in if it must, uses the connection and closes it.
 *
 * @param args the command line.
 * @param options see {@link ConnectOptions}.
 * @param output shows that something is under way.
 * @param use what to do.
 * @throws {CommandError}
 */
export async function withConnection(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
  use: (connection: Connection) => Promise<void>,
): Promise<void> {
  output.status(`Connecting to ${args.url} …`);
  const connection = await connect(args.url, options);
  try {
    await options.cache.markUsed(parseServerUrl(args.url).href, options.now());
    await use(connection);
  } finally {
    await connection.close();
  }
}

/**
 * Remembers who is signed in, for `cache list`, from an answer of `whoami`.
 *
 * @param url the server.
 * @param options see {@link ConnectOptions}.
 * @param answer what the tool said.
 */
export async function rememberAccount(
  url: string,
  options: ConnectOptions,
  answer: CallToolResult,
): Promise<void> {
  const { cache } = options;
  const serverUrl = parseServerUrl(url);
  const { href } = serverUrl;
  const account = readAccount(answer);
  const known = await cache.read(href);
  if (account === undefined || !known || withAccount(known, account) === known) return;
  // Whoever renews the tokens meanwhile must not be written over.
  await cache.exclusive(href, async () => {
    const record = await cache.read(href);
    // It may have been cleared meanwhile, and stays so.
    if (record) await cache.write(href, withAccount(record, account));
  }, waitForOthers(options, serverUrl));
}

function readAccount({ structuredContent, content }: CallToolResult): string | undefined {
  const [block] = content;
  const text = block?.type === "text" ? block.text.trim() : "";
  const answer = structuredContent ?? parseJson(text);
  if (typeof answer === "object" && answer !== null) {
    const name = NAMES.map((key) => Reflect.get(answer, key)).find((value) => value);
    return typeof name === "string" ? sanitizeLine(name, 100) : undefined;
  }
  return /^\S{1,100}$/.test(text) ? sanitizeLine(text) : undefined;
}
