/** `deno task client` as a process of its own. */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a client that ran left behind. */
export interface ClientRun {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs the command-line client to its end.
 *
 * @param args its command line.
 * @param cache directory of its token cache.
 * @param browse plays the browser when the client prints where to sign in.
 */
export async function runClient(
  args: readonly string[],
  cache: string,
  browse: (url: string) => Promise<void> = () => Promise.resolve(),
): Promise<ClientRun> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=client", "client.ts", "--no-browser", ...args],
    cwd: ROOT,
    env: { MCP_CLIENT_CACHE_DIR: cache, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let stderr = "";
  let browsing: Promise<void> | undefined;
  const stdout = new Response(child.stdout).text();
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    stderr += text;
    const url = /^Sign in at: (.+)\n/m.exec(stderr)?.[1];
    if (url !== undefined) browsing ??= browse(url);
  }
  await browsing;
  return { code: (await child.status).code, stdout: await stdout, stderr };
}
