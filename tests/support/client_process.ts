/** `deno task client` as a process of its own. */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a client that ran left behind. */
export interface ClientRun {
  code: number;
  stdout: string;
  stderr: string;
}

/** How to run a client. */
export interface ClientProcessOptions {
  /** Directory of its token cache. */
  cache: string;
  /** Plays the browser each time the client prints where to sign in. */
  browse?: (url: string) => void | Promise<void>;
  /** More environment variables. */
  env?: Record<string, string>;
}

/** A client that runs. */
export interface ClientProcess {
  /** Resolves when standard error matches, with the match; rejects if the client ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: Deno.Signal): void;
  ended: Promise<ClientRun>;
}

/**
 * Starts the command-line client, without a terminal.
 *
 * @param args its command line.
 * @param options see {@link ClientProcessOptions}.
 */
export function startClient(
  args: readonly string[],
  { cache, browse, env = {} }: ClientProcessOptions,
): ClientProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=client", "client.ts", ...args],
    cwd: ROOT,
    env: { MCP_CLIENT_CACHE_DIR: cache, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let stderr = "";
  let grown = Promise.withResolvers<void>();
  const collect = async (): Promise<ClientRun> => {
    const visits = new Map<string, void | Promise<void>>();
    const stdout = new Response(child.stdout).text();
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += text;
      grown.resolve();
      grown = Promise.withResolvers();
      for (const [, url = ""] of stderr.matchAll(/^Sign in at: (.+)\n/gm)) {
        if (!visits.has(url)) visits.set(url, browse?.(url));
      }
    }
    await Promise.all(visits.values());
    return { code: (await child.status).code, stdout: await stdout, stderr };
  };
  const ended = collect();
  return {
    async printed(pattern) {
      const end = ended.then(() => true);
      for (;;) {
        const match = pattern.exec(stderr);
        if (match) return match;
        if (await Promise.race([grown.promise, end])) {
          throw new Error(`The client ended without printing ${pattern}: ${stderr}`);
        }
      }
    },
    kill: (signal) => child.kill(signal),
    ended,
  };
}

/**
 * Runs the command-line client to its end; it opens no browser.
 *
 * @param args its command line.
 * @param cache directory of its token cache.
 * @param browse plays the browser each time the client prints where to sign in.
 */
export async function runClient(
  args: readonly string[],
  cache: string,
  browse?: (url: string) => Promise<void>,
): Promise<ClientRun> {
  const options = { cache, ...browse && { browse } };
  return await startClient(["--no-browser", ...args], options).ended;
}
