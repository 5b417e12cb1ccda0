/** `call`: one tool, once. */

import type { Progress, Tool } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import { nearest } from "../nearest.ts";
import type { Output } from "../output.ts";
import { sanitizeLine } from "../sanitize.ts";
import { checkToolArguments, readInput, readToolArguments } from "../tool_arguments.ts";
import { callTool, listTools, renderContent, ToolError } from "../tools.ts";
import { rememberAccount, WHOAMI, withConnection } from "./session.ts";

/**
 * Calls a tool with arguments that are read as its schema says.
 *
 * @param args the command line: `words` are the tool and its arguments, unless `input` holds them.
 * @param options see {@link ConnectOptions}.
 * @param output receives the result, and what the tool reports while it works.
 * @throws {CommandError} `unknown_tool`, `invalid_arguments`, `tool_failed`.
 */
export async function runCall(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
): Promise<void> {
  const [name = "", ...words] = args.words;
  // Before anybody is asked to sign in for nothing.
  const input = args.input === undefined ? undefined : readInput(args.input);
  await withConnection(args, options, output, async (connection) => {
    const tool = findTool(await listTools(connection), name);
    const toolArguments = input ?? readToolArguments(tool, words);
    if (input) checkToolArguments(tool, input);
    const result = await callTool(
      connection,
      name,
      toolArguments,
      (progress) => output.status(`${name}: ${describeProgress(progress)}`, true),
    ).catch((error) => {
      // A script gets all that the tool said, whether it failed or not.
      if (args.json && error instanceof ToolError && error.result) {
        output.result(error.result, () => "");
      }
      throw error;
    });
    output.result(result, () => renderContent(result));
    if (name === WHOAMI) await rememberAccount(args.url, options, result);
  });
}

function findTool(tools: Tool[], name: string): Tool {
  const tool = tools.find((one) => one.name === name);
  if (tool) return tool;
  const meant = nearest(name, tools.map((one) => one.name));
  throw new CommandError(
    "unknown_tool",
    `This server has no tool "${sanitizeLine(name, 60)}"${
      meant === undefined ? "." : `; did you mean "${sanitizeLine(meant, 60)}"?`
    } "deno task client tools" lists what there is.`,
    ExitCode.usage,
  );
}

function describeProgress({ progress, total, message }: Progress): string {
  const steps = total
    ? `${Math.floor(100 * progress / total)} % (${progress} of ${total})`
    : progress;
  return message ? `${steps} ${message}` : `${steps}`;
}
