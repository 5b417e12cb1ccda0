/** The command-line client on a terminal of its own: a pseudo-terminal, by `script` of util-linux. */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** How to run the client on a terminal. */
export interface TerminalOptions {
  /** Directory of its token cache. */
  cache: string;
  /** Characters a line holds. */
  width?: number;
  /** More environment variables. */
  env?: Record<string, string>;
  /** What is typed as soon as the terminal shows something. */
  type?: { after: RegExp; keys: string };
}

/** What became of a client on a terminal. */
export interface TerminalRun {
  code: number;
  /** All that the terminal was sent, with line feeds alone for ends of lines and ␛ for escape. */
  screen: string;
}

/** Whether there is a `script` that can do this; macOS has another one. */
export function hasTerminals(): boolean {
  return Deno.build.os === "linux";
}

/**
 * Runs the client to its end.
 *
 * @param args its command line, without quotes in it.
 * @param options see {@link TerminalOptions}.
 */
export async function runInTerminal(
  args: readonly string[],
  { cache, width = 80, env = {}, type }: TerminalOptions,
): Promise<TerminalRun> {
  const words = [Deno.execPath(), "run", "-q", "-P=client", "client.ts", ...args];
  const command = `stty cols ${width}; ${words.map((word) => `'${word}'`).join(" ")}`;
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    cwd: ROOT,
    env: { MCP_CLIENT_CACHE_DIR: cache, TERM: "xterm", NO_COLOR: "", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const keyboard = child.stdin.getWriter();
  let screen = "";
  let typed = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    screen += text;
    if (!typed && type?.after.test(screen)) {
      typed = true;
      await keyboard.write(new TextEncoder().encode(type.keys));
    }
  }
  await keyboard.close().catch(() => {
    // The terminal is gone, and its keyboard with it.
  });
  return {
    code: (await child.status).code,
    screen: screen.replaceAll("\r\n", "\n").replaceAll("\x1b", "␛"),
  };
}
