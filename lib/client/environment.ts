/** The machine the command line runs on: the only place of the client that reaches for it. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { stdin } from "node:process";
import { createInterface } from "node:readline";
import type { FetchLike } from "@modelcontextprotocol/client";
import { CommandError } from "../errors.ts";
import { createLog, silentLog } from "../log.ts";
import type { Arguments } from "./arguments.ts";
import { openBrowser, type Spawn, spawnQuietly } from "./browser.ts";
import { type Listen, listenOnLoopback } from "./callback_server.ts";
import type { ConnectOptions } from "./context.ts";
import { type SetDeadline, setDeadline } from "./deadline.ts";
import type { Output, Stream } from "./output.ts";
import { adviseOnReturn } from "./return_advice.ts";
import { createFileTokenCache } from "./token_cache.ts";

/** Exit codes of a program that a signal ended: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Signals this close together, in milliseconds, are one Ctrl-C. */
const SAME_KEY_PRESS = 500;

/** Everything outside the program. */
export interface Environment {
  env: (name: string) => string | undefined;
  fileExists: (path: string) => boolean;
  os: typeof Deno.build.os;
  stdout: Stream;
  stderr: Stream;
  /** Lines typed at the terminal; absent without one. */
  readLines?: ((signal: AbortSignal) => AsyncIterable<string>) | undefined;
  /** All of standard input. */
  readInput: () => Promise<string>;
  fetch: FetchLike;
  now: () => number;
  setDeadline: SetDeadline;
  random: (length: number) => Uint8Array;
  listen: Listen;
  spawn: Spawn;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
}

/** The environment of this process. Ctrl-C first asks for a tidy end; a second one ends at once. */
export function hostEnvironment(): Environment {
  const terminal = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  return {
    env: (name) => Deno.env.get(name),
    fileExists: existsSync,
    os: Deno.build.os,
    stdout: streamTo(Deno.stdout),
    stderr: streamTo(Deno.stderr),
    readLines: terminal ? (signal) => createInterface({ input: stdin, signal }) : undefined,
    readInput: () => new Response(Deno.stdin.readable).text(),
    fetch,
    now: Date.now,
    setDeadline,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    listen: listenOnLoopback,
    spawn: spawnQuietly,
    signal: interruptSignal(),
  };
}

/**
 * What {@link connect} needs, from a command line.
 *
 * @param args the command line.
 * @param environment the machine.
 * @param output hears of progress.
 */
export function createConnectOptions(
  args: Arguments,
  environment: Environment,
  output: Output,
): ConnectOptions {
  const { os, spawn, random, now, stderr } = environment;
  return {
    settings: args.settings,
    cache: createFileTokenCache({
      directory: cacheDirectory(environment.env),
      random,
      warn: (message) => output.progress(`Warning: ${message}`),
    }),
    fetch: environment.fetch,
    now,
    setDeadline: environment.setDeadline,
    random,
    log: args.debug
      ? createLog({ level: "debug", format: "text", now, write: stderr.write })
      : silentLog,
    onStep: ({ name, text }) =>
      name === "sign_in_awaited" ? output.status(text) : output.progress(text),
    signal: environment.signal,
    listen: environment.listen,
    openBrowser: args.browser ? (url) => openBrowser(url, { os, spawn }) : undefined,
    adviseOnReturn: (redirectUrl, isBrowserOpen) =>
      adviseOnReturn(redirectUrl, isBrowserOpen, environment),
    // Standard input may be a pipe.
    isAttended: stderr.isTerminal,
    readLines: environment.readLines,
  };
}

/**
 * Where sign-ins are kept.
 *
 * @param env reads an environment variable.
 * @throws {CommandError} `no_home` if nothing says where.
 */
export function cacheDirectory(env: Environment["env"]): string {
  const directory = env("MCP_CLIENT_CACHE_DIR");
  const home = env("HOME") || env("USERPROFILE");
  // A shell replaces the tilde; a line of .env reaches us as it is.
  if (directory?.startsWith("~/") && home) return join(home, directory.slice(2));
  if (directory) return directory;
  if (home) return join(home, ".workos-mcp", "oauth-client-cache");
  throw new CommandError(
    "no_home",
    "There is no home directory to keep sign-ins in. Name a directory in MCP_CLIENT_CACHE_DIR.",
  );
}

function streamTo(stream: typeof Deno.stdout): Stream {
  return {
    isTerminal: stream.isTerminal(),
    // A terminal that nobody has told its size calls itself 0 wide.
    width: stream.isTerminal() ? Deno.consoleSize().columns || undefined : undefined,
    write(text) {
      let bytes = new TextEncoder().encode(text);
      while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
    },
  };
}

function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const names = Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;
  for (const name of names) {
    const interrupt = () => {
      // `deno task` passes on a Ctrl-C that the terminal has sent already, so the second signal may
      // be the same key. Later ones end the program at once.
      if (!controller.signal.aborted) {
        Deno.unrefTimer(
          setTimeout(() => Deno.removeSignalListener(name, interrupt), SAME_KEY_PRESS),
        );
      }
      controller.abort(new CommandError("interrupted", "Interrupted.", EXIT_CODES[name]));
    };
    Deno.addSignalListener(name, interrupt);
  }
  return controller.signal;
}
