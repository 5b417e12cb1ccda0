/**
 * What the conformance suite runs as "the client": `deno task client` in processes of its own, with
 * a token cache of its own, and a person who signs in by following the printed link.
 */

import { runClient } from "../support/client_process.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { playScenario, PROGRAM_TOOLS } from "./client_scenarios.ts";
import { callTools } from "./form_program.ts";

const scenario = Deno.env.get("MCP_CONFORMANCE_SCENARIO") ?? "";
const context = JSON.parse(Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}");
const [serverUrl = ""] = Deno.args;

/** The suite's authorization server sends everybody on to the redirect URI at once. */
async function browse(url: string): Promise<void> {
  const page = await fetch(url);
  await page.body?.cancel();
}

/** Runs the command lines until one fails, and returns the last exit code. */
async function runCommands(cache: string): Promise<number> {
  const play = playScenario(scenario, context);
  let step = play.next();
  while (!step.done) {
    const words = [...step.value, "--url", serverUrl];
    const { code, stdout, stderr } = await runClient(words, cache, browse);
    console.error(`client ${words.join(" ")}\n${stderr}${stdout}`);
    if (code !== 0) return code;
    step = play.next(stdout);
  }
  return 0;
}

/** Runs the program that fills in forms, and returns its exit code. */
async function runProgram(toolNames: string[]): Promise<number> {
  try {
    await callTools(serverUrl, toolNames);
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

let exitCode = 0;
const toolNames = PROGRAM_TOOLS[scenario];
if (toolNames) exitCode = await runProgram(toolNames);
else await withTempDirectory(async (cache) => void (exitCode = await runCommands(cache)));
console.log(`exit ${exitCode}`);
Deno.exit(exitCode);
