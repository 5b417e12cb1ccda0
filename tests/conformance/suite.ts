/** Runs the MCP conformance suite and reads what it checked. */

import { packageArguments } from "../support/package_process.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

/** One thing the suite looked at. */
export interface Check {
  id: string;
  name: string;
  status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  description: string;
  errorMessage?: string;
}

/** What is known of a scenario that ran. */
export interface ScenarioRun {
  checks: Check[];
  /** What the client of the scenario printed; empty for scenarios against a server. */
  stdout: string;
  stderr: string;
}

/** How long a run may take, in milliseconds. */
const PATIENCE = 120_000;

/**
 * Result directories: `basic-cimd-2026-07-28T10-00-00-000Z`, with their kind in front unless they
 * are of a client. One client scenario is called `authorization-server-migration`.
 */
const RESULT = /^(?:server-|authorization-server-(?=auth))?(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/;

/** Scenarios that ran, by name. */
export type SuiteRun = Map<string, ScenarioRun>;

/**
 * Runs the suite to its end. Its verdict does not count, only the checks do: it ticks off scenarios
 * that checked nothing.
 *
 * @param args its command line, without the output directory.
 * @param onOutput hears everything it has printed so far.
 * @throws {Error} with its output when it left no results.
 */
export async function runSuite(
  args: readonly string[],
  onOutput: (output: string) => void = () => {},
): Promise<SuiteRun> {
  const scenarios: SuiteRun = new Map();
  await withTempDirectory(async (directory) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: packageArguments("conformance", [...args, "-o", directory]),
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(PATIENCE),
    }).spawn();
    const stderr = new Response(child.stderr).text();
    let stdout = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      onOutput(stdout += text);
    }
    await child.status;
    for await (const [name, path] of findResults(directory)) {
      scenarios.set(name, {
        checks: JSON.parse(await Deno.readTextFile(`${path}/checks.json`)),
        stdout: await readIfThere(`${path}/stdout.txt`),
        stderr: await readIfThere(`${path}/stderr.txt`),
      });
    }
    if (scenarios.size === 0) throw new Error(`No results.\n${stdout}\n${await stderr}`);
    await stderr;
  });
  return scenarios;
}

async function* findResults(
  directory: string,
  prefix = "",
): AsyncGenerator<[name: string, path: string]> {
  for await (const entry of Deno.readDir(directory)) {
    if (!entry.isDirectory) continue;
    const path = `${directory}/${entry.name}`;
    const [, name] = RESULT.exec(entry.name) ?? [];
    if (name !== undefined) yield [prefix + name, path];
    else yield* findResults(path, `${prefix}${entry.name}/`);
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * Everything that failed, or is missing because nothing was checked, one line each.
 *
 * @param scenario its name.
 * @param run what happened.
 */
export function findFailures(scenario: string, { checks }: ScenarioRun): string[] {
  const failures = checks
    .filter(({ status }) => status === "FAILURE" || status === "WARNING")
    .map(({ id, name }) => `${scenario}: ${id} (${name})`);
  const passed = checks.some(({ status }) => status === "SUCCESS");
  return passed || failures.length > 0 ? failures : [`${scenario}: nothing was checked`];
}
