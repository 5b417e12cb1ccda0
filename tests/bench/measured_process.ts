/** A server in a process of its own whose CPU time is read from the system. */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Linux counts process times in hundredths of a second. */
const MICROSECONDS_PER_TICK = 10_000;

/** A running server. */
export interface MeasuredProcess {
  url: string;
  /** From spawning to the first answer, in milliseconds. */
  startUp: number;
  /** CPU time so far, user and system, in microseconds. */
  readCpu(): number;
  /** Resident memory, in MiB. */
  readMemory(): number;
  stop(): Promise<void>;
}

/**
 * Starts a server and waits for its first answer.
 *
 * @param args of `deno`.
 * @param port where it will listen.
 * @param env added to the environment.
 */
export async function startMeasured(
  args: string[],
  port: number,
  env: Record<string, string> = {},
): Promise<MeasuredProcess> {
  const url = `http://localhost:${port}`;
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env,
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  for (;;) {
    try {
      const response = await fetch(`${url}/mcp`, { method: "POST" });
      await response.body?.cancel();
      break;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  const startUp = performance.now() - started;
  // Deno reads /proc itself only with all permissions.
  const read = (name: string) =>
    new TextDecoder().decode(
      new Deno.Command("cat", { args: [`/proc/${child.pid}/${name}`] }).outputSync().stdout,
    );
  return {
    url,
    startUp,
    readCpu() {
      // Fields are counted after the name of the program, which stands in parentheses (proc(5)).
      const fields = read("stat").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK;
    },
    readMemory: () => Number(/VmRSS:\s+(\d+)/.exec(read("status"))?.[1]) / 1024,
    async stop() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}
