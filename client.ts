/**
 * The command-line client for MCP servers behind a sign-in: lists and calls tools, signs in through
 * the browser if it must, and keeps sign-ins. `deno task client --help` shows the commands.
 */

import { type Arguments, parseArguments } from "./lib/client/arguments.ts";
import type { ConnectOptions } from "./lib/client/context.ts";
import {
  createConnectOptions,
  type Environment,
  hostEnvironment,
} from "./lib/client/environment.ts";
import { createOutput, type Output } from "./lib/client/output.ts";
import { type Command, usage } from "./lib/client/usage.ts";
import { ExitCode } from "./lib/errors.ts";

type Run = (args: Arguments, options: ConnectOptions, output: Output) => Promise<void>;

/** Each command loads what it needs: the MCP SDK takes longer than all the rest. */
const LOADERS: Readonly<Record<Command, () => Promise<Run>>> = {
  "connect": async () => (await import("./lib/client/commands/connect.ts")).runConnect,
  "tools": async () => (await import("./lib/client/commands/tools.ts")).runTools,
  "call": async () => (await import("./lib/client/commands/call.ts")).runCall,
  "login": async () => (await import("./lib/client/commands/login.ts")).runLogin,
  "logout": async () => (await import("./lib/client/commands/logout.ts")).runLogout,
  "cache list": async () => (await import("./lib/client/commands/cache.ts")).runCacheList,
  "cache clear": async () => (await import("./lib/client/commands/cache.ts")).runCacheClear,
  "doctor": async () => (await import("./lib/client/commands/doctor.ts")).runDoctor,
};

/** Exit code of a program whose reader has gone: 128 and the number of SIGPIPE. */
const BROKEN_PIPE = 141;

/**
 * Runs a command line.
 *
 * @param words the words after the program.
 * @param environment the machine.
 * @returns the exit code.
 */
export async function main(words: string[], environment: Environment): Promise<number> {
  const output = createOutput({
    ...environment,
    json: words.includes("--json"),
    debug: words.includes("--debug"),
  });
  const { signal } = environment;
  try {
    const args = parseArguments(words, environment.env);
    if (args.help) environment.stdout.write(`${usage(args.command)}\n`);
    else {
      const input = args.input === "-" ? await readInput(environment, output) : args.input;
      const options = createConnectOptions(args, environment, output);
      const run = await LOADERS[args.command]();
      await run({ ...args, input }, options, output);
    }
    return ExitCode.ok;
  } catch (error) {
    // As in `| head`: whoever reads has enough, and it is not an error worth a word.
    if (error instanceof Deno.errors.BrokenPipe) return BROKEN_PIPE;
    // Whatever Ctrl-C made fail, it was Ctrl-C.
    return await output.error(signal.aborted ? signal.reason : error);
  }
}

/** Ctrl-C ends the wait for somebody who types. */
async function readInput(
  { readInput, readLines, signal }: Environment,
  output: Output,
): Promise<string> {
  signal.throwIfAborted();
  const interrupted = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => interrupted.reject(signal.reason));
  if (readLines) output.progress("Type the arguments as a JSON object, then press Ctrl-D.");
  return await Promise.race([readInput(), interrupted.promise]);
}

if (import.meta.main) Deno.exit(await main(Deno.args, hostEnvironment()));
