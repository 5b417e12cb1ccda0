/** `cache list` and `cache clear`: what is kept on this machine. */

import { CommandError } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import { waitForOthers } from "../exclusive.ts";
import type { Output } from "../output.ts";
import { parseServerUrl } from "../server_url.ts";
import {
  describeExpiry,
  describeTime,
  orDash,
  type SignInSummary,
  summarizeAll,
} from "../sign_in_summary.ts";
import { renderTable } from "../table.ts";
import type { TokenCache } from "../token_cache.ts";

const COLUMNS = ["SERVER", "WHO", "EXPIRES", "LAST USED", "ISSUER", "SCOPES"];

/**
 * Shows which sign-ins are kept, without any token, secret or client id.
 *
 * @param args the command line; all servers unless it names one.
 * @param options see {@link ConnectOptions}.
 * @param output receives the list.
 * @throws {CommandError} when the cache cannot be read.
 */
export async function runCacheList(
  args: Arguments,
  { cache, now }: ConnectOptions,
  output: Output,
): Promise<void> {
  const wanted = args.urlNamed ? parseServerUrl(args.url).href : undefined;
  const servers = await cache.list();
  const summaries = servers
    .filter(({ serverUrl }) => wanted === undefined || serverUrl === wanted)
    .flatMap(summarizeAll);
  output.result(summaries, (style) => {
    if (summaries.length === 0) {
      return wanted === undefined
        ? "No sign-in is kept here."
        : `No sign-in to ${wanted} is kept here.`;
    }
    return renderTable(
      { columns: COLUMNS, rows: summaries.map((one) => toRow(one, now())) },
      style,
    );
  });
}

function toRow(summary: SignInSummary, now: number): string[] {
  const { server_url, issuer, account, scope, last_used_at: usedAt } = summary;
  return [
    server_url,
    orDash(account),
    describeExpiry(summary, now),
    usedAt === null ? "-" : describeTime(usedAt, now),
    orDash(issuer),
    orDash(scope),
  ];
}

/**
 * Forgets a server, or all of them, without a question and without telling them. It waits for
 * sign-ins and renewals under way in other programs: afterwards nothing is kept.
 *
 * @param args the command line; all servers unless it names one.
 * @param options see {@link ConnectOptions}.
 * @param output receives what was removed.
 * @throws {CommandError}
 */
export async function runCacheClear(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
): Promise<void> {
  const { cache } = options;
  let cleared: string[];
  if (args.urlNamed) {
    const url = parseServerUrl(args.url);
    cleared = await clear(url, options) ? [url.href] : [];
  } else {
    cleared = await listServers(cache, output);
    // All at once: a sign-in under way at one of them holds up no other.
    await Promise.all(cleared.map((url) => clear(new URL(url), options)));
    if (await cache.remove()) cleared.push("what could not be read");
  }
  output.result({ cleared }, () =>
    cleared.length === 0 ? "Nothing was kept." : [
      ...cleared.map((name) => `Forgot ${name}`),
      "Tokens already given out end by themselves; next time, logout revokes them.",
    ].join("\n"));
}

/** Forgets a server when nobody works on it: what a sign-in under way writes must not survive. */
async function clear(url: URL, options: ConnectOptions): Promise<boolean> {
  const { cache } = options;
  return await cache.exclusive(url.href, () => cache.remove(url.href), waitForOthers(options, url));
}

/** What cannot be read can still be removed. */
async function listServers(cache: TokenCache, output: Output): Promise<string[]> {
  try {
    return (await cache.list()).map(({ serverUrl }) => serverUrl);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    output.progress(`Warning: ${error.message}`);
    return [];
  }
}
