/** `deno task server` as a process of its own, on a free port and with a store of its own. */

import { fileURLToPath } from "node:url";
import { getSecretWatch } from "./secret_watch.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What such a test needs. */
export const PROCESS_NEEDS = { net: true, run: true, read: true, write: true, env: true } as const;

/** A process that was told what to do and is watched. */
export interface ServerProcess {
  url: string;
  output: () => { stdout: string; stderr: string };
  /** Sends a signal, SIGTERM by default, and waits for the end. */
  stop: (signal?: Deno.Signal) => Promise<number>;
  /** The exit code, when it ends by itself. */
  exited: Promise<number>;
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Finds a port that nobody listens on. */
export function findFreePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/**
 * Starts the server and waits until it listens or has ended.
 *
 * @param env settings; the port is free, the store in memory and everything logged unless they say
 *   otherwise.
 * @param maxFiles most files and sockets it may have open at once.
 */
export async function startServerProcess(
  env: Record<string, string> = {},
  maxFiles?: number,
): Promise<ServerProcess> {
  const url = env.WORKOS_BASE_URL ?? `http://localhost:${findFreePort()}`;
  const [program, ...args] = [
    ...maxFiles === undefined ? [] : ["sh", "-c", `ulimit -n ${maxFiles}; exec "$@"`, "sh"],
    ...[Deno.execPath(), "run", "-q", "-P=server", "server.ts"],
  ];
  const child = new Deno.Command(program ?? "", {
    args,
    cwd: ROOT,
    env: { STORE_URL: "memory:", WORKOS_BASE_URL: url, LOG_LEVEL: "debug", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = { stdout: "", stderr: "" };
  const readLines = () => Object.values(output).flatMap((text) => text.split(/(?<=\n)/));
  getSecretWatch().watchLog(readLines, { shapes: true });
  const listening = Promise.withResolvers<void>();
  const collect = async (name: "stdout" | "stderr") => {
    for await (const text of child[name].pipeThrough(new TextDecoderStream())) {
      output[name] += text;
      if (output.stdout.includes("Ctrl-C stops it.")) listening.resolve();
    }
  };
  const collected = Promise.all([collect("stdout"), collect("stderr")]);
  const exited = child.status.then(async ({ code }) => {
    await collected;
    return code;
  });
  await Promise.race([listening.promise, exited]);

  const stop = async (signal: Deno.Signal = "SIGTERM") => {
    try {
      child.kill(signal);
    } catch (error) {
      // Ended already.
      if (!(error instanceof TypeError)) throw error;
    }
    return await exited;
  };
  return {
    url,
    output: () => output,
    stop,
    exited,
    [Symbol.asyncDispose]: async () => void await stop("SIGKILL"),
  };
}
