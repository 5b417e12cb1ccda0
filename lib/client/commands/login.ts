/** `login`: a sign-in, and what it is good for. */

import { CommandError } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";
import type { Connection } from "../connect.ts";
import type { ConnectOptions } from "../context.ts";
import { discover, findResourceMetadata } from "../discovery.ts";
import { waitForOthers } from "../exclusive.ts";
import type { Output, Style } from "../output.ts";
import { currentTokens } from "../server_record.ts";
import { parseServerUrl } from "../server_url.ts";
import { signIn } from "../sign_in.ts";
import { describeExpiry, orDash, type SignInSummary, summarize } from "../sign_in_summary.ts";
import { callTool, listTools } from "../tools.ts";
import { rememberAccount, WHOAMI, withConnection } from "./session.ts";

/**
 * Signs in, unless there are tokens that the server takes and that carry the scopes asked for.
 *
 * @param args the command line.
 * @param options see {@link ConnectOptions}.
 * @param output receives the server, its authorization server, the scopes and the expiry.
 * @throws {CommandError}
 */
export async function runLogin(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
): Promise<void> {
  const { cache, now, onStep } = options;
  const serverUrl = parseServerUrl(args.url);
  const quiet: ConnectOptions = {
    ...options,
    settings: { ...options.settings, requireScope: true },
    // The result says it, and more.
    onStep(step) {
      if (step.name !== "signed_in") onStep(step);
    },
  };
  await withConnection(args, quiet, output, async (connection) => {
    await signInUnasked(serverUrl, quiet);
    await learnAccount(args.url, connection, options);
    const record = await cache.read(serverUrl.href) ?? { issuers: {} };
    const summary = summarize({ serverUrl: serverUrl.href, record, usedAt: now() });
    output.result(summary, (style) => render(summary, now(), style));
  });
}

/** Some servers ask for a sign-in only when a tool needs one. Their metadata tells them apart. */
async function signInUnasked(serverUrl: URL, options: ConnectOptions): Promise<void> {
  const { cache, settings } = options;
  const isSignedIn = async () => currentTokens(await cache.read(serverUrl.href)) !== undefined;
  if (await isSignedIn()) return;
  const context = { ...options, serverUrl };
  const { metadata } = await findResourceMetadata(context, undefined);
  if (!metadata?.authorization_servers?.length) return;
  await cache.exclusive(serverUrl.href, async () => {
    if (await isSignedIn()) return;
    await signIn(context, await discover(context, undefined), settings.scope);
  }, waitForOthers(options, serverUrl));
}

async function learnAccount(
  url: string,
  connection: Connection,
  options: ConnectOptions,
): Promise<void> {
  const tools = await listTools(connection);
  if (!tools.some(({ name }) => name === WHOAMI)) return;
  try {
    await rememberAccount(url, options, await callTool(connection, WHOAMI, {}));
  } catch (error) {
    // It is another server's idea of the name, then. The sign-in is none the worse for it.
    if (!(error instanceof CommandError && error.code === "tool_failed")) throw error;
  }
}

function render(summary: SignInSummary, now: number, { bold, dim }: Style): string {
  if (!summary.signed_in) {
    return `${summary.server_url} did not ask for a sign-in, and does not say who could sign you in.`;
  }
  const facts = [
    ["issuer", orDash(summary.issuer)],
    ["who", orDash(summary.account)],
    ["scopes", orDash(summary.scope)],
    ["expires", describeExpiry(summary, now)],
  ];
  return [
    `Signed in to ${bold(summary.server_url)}`,
    ...facts.map(([label = "", value = ""]) => `  ${dim(label.padEnd(7))}  ${value}`),
  ].join("\n");
}
