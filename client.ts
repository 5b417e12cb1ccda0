/**
 * The command-line client: connects to an MCP server, signs in through the browser if it must,
 * lists the tools and calls two of them. `deno task client --help` shows the options.
 */

import { parseArguments, usage } from "./lib/client/arguments.ts";
import { runConnect } from "./lib/client/commands/connect.ts";
import {
  createConnectOptions,
  type Environment,
  hostEnvironment,
} from "./lib/client/environment.ts";
import { createOutput } from "./lib/client/output.ts";
import { ExitCode } from "./lib/errors.ts";

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
  try {
    const args = parseArguments(words, environment.env);
    if (args.help) environment.stdout.write(`${usage()}\n`);
    else await runConnect(args.url, createConnectOptions(args, environment, output), output);
    return ExitCode.ok;
  } catch (error) {
    return output.error(error);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args, hostEnvironment()));
