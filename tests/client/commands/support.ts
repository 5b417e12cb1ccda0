/** Commands run in this process, with what they print. */

import { type Arguments, parseArguments } from "../../../lib/client/arguments.ts";
import type { ConnectOptions } from "../../../lib/client/context.ts";
import { createOutput, type Output } from "../../../lib/client/output.ts";
import { ExitCode } from "../../../lib/errors.ts";

/** What a command left behind. */
export interface CommandRun {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command as the command line would.
 *
 * @param run the command's function.
 * @param words the command line, with the command.
 * @param options of a test client; its settings are those of the command line, but for the timeout.
 * @param width of the terminal; without one there is none.
 */
export async function runCommand(
  run: (args: Arguments, options: ConnectOptions, output: Output) => Promise<void>,
  words: string[],
  options: ConnectOptions,
  width?: number,
): Promise<CommandRun> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    isTerminal: width !== undefined,
    width,
    write: (text: string) => void (written[name] += text),
  });
  const output = createOutput({
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    env: (name) => name === "NO_COLOR" ? "1" : undefined,
    json: words.includes("--json"),
    debug: false,
  });
  let code: number = ExitCode.ok;
  try {
    const args = parseArguments(words, () => undefined);
    await run(args, { ...options, settings: args.settings }, output);
  } catch (error) {
    code = await output.error(error);
  }
  return { code, ...written };
}
