/** Server processes on one store, as behind a load balancer, and the WorkOS they all ask. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import http from "node:http";
import {
  createEmulator,
  type Emulator,
  emulatorCredentials,
} from "../../lib/workos/emulator/emulator.ts";
import { getSecretWatch } from "./secret_watch.ts";
import { findFreePort, startServerProcess } from "./server_process.ts";
import { SERVER } from "./world.ts";

/** One process, and those that take its place. */
export interface GroupServer {
  /** Sends a request to this one, and waits for it to be up if it is on its way. */
  fetch: (request: Request) => Promise<Response>;
  stop: (signal: Deno.Signal) => Promise<void>;
  /** Stops the process and starts another on the same port and store. */
  restart: (signal: Deno.Signal) => Promise<void>;
}

/** The processes, what is in front of them and what is behind. */
export interface ServerGroup {
  servers: readonly GroupServer[];
  /** Sends each request to the next server that takes it, and all others where they belong. */
  fetch: (request: Request) => Promise<Response>;
  /** The server that was asked last. */
  last: () => GroupServer;
  workos: {
    emulator: Emulator;
    /** Codes and refresh tokens that came to be exchanged. */
    exchanges: number;
    /** Set to get between a server and its answer. */
    intercept?: (exchange: () => Promise<Response>) => Promise<Response>;
  };
}

/**
 * Starts servers, and ends them whatever happens.
 *
 * @param options `storeUrl` is a `STORE_URL`, `count` the number of processes, `env` what else they
 *   are told.
 * @param work is given them.
 */
export async function withServers(
  { storeUrl, count, env: more = {} }: {
    storeUrl: string;
    count: number;
    env?: Record<string, string>;
  },
  work: (group: ServerGroup) => Promise<void>,
): Promise<void> {
  const { watch } = getSecretWatch();
  const made = Promise.withResolvers<ServerGroup["workos"]>();
  const answer = watch(async (request) => {
    const workos = await made.promise;
    const exchange = () => workos.emulator.fetch(request);
    if (!await isExchange(request)) return await exchange();
    workos.exchanges++;
    return await (workos.intercept?.(exchange) ?? exchange());
  });
  const listener = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answer);
  const origin = `http://127.0.0.1:${listener.addr.port}`;
  const redirectUris = [`${SERVER}/auth/callback`];
  const workos: ServerGroup["workos"] = {
    emulator: createEmulator({ origin, now: Date.now, redirectUris }),
    exchanges: 0,
  };
  made.resolve(workos);

  const env = {
    WORKOS_BASE_URL: SERVER,
    HOST: "127.0.0.1",
    LOG_FORMAT: "json",
    STORE_URL: storeUrl,
    WORKOS_API_URL: origin,
    WORKOS_CLIENT_ID: emulatorCredentials.clientId,
    WORKOS_API_KEY: emulatorCredentials.apiKey,
    ...more,
  };
  const servers = Array.from({ length: count }, () => startGroupServer(env));
  let next = 0;
  const last = () => servers[(next - 1) % count] ?? assert.fail("nobody was asked");
  const ask = async (request: Request): Promise<Response> => {
    next++;
    return await last().fetch(request);
  };
  try {
    await work({
      servers,
      last,
      workos,
      fetch: watch(async (request) => {
        if (new URL(request.url).origin !== SERVER) {
          return await fetch(request, { redirect: "manual" });
        }
        try {
          return await ask(request);
        } catch (error) {
          if (!isHungUp(error)) throw error;
          return await ask(request);
        }
      }),
    });
  } finally {
    await Promise.all(servers.map(({ stop }) => stop("SIGKILL")));
    await listener.shutdown();
  }
}

/** Tells whether something that works once is exchanged, and not what each server asks at start. */
async function isExchange(request: Request): Promise<boolean> {
  if (!request.url.endsWith("/authenticate")) return false;
  return !(await request.clone().text()).includes("start-up-check");
}

/** Tells whether nobody listens there any more, or not until the answer. */
export function isHungUp(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ECONN");
}

function startGroupServer(env: Record<string, string>): GroupServer {
  const port = findFreePort();
  const start = () => startServerProcess({ ...env, PORT: String(port) });
  let process = start();
  const stop = async (signal: Deno.Signal) => void await (await process).stop(signal);
  return {
    stop,
    async fetch(request) {
      await process;
      return await forward(request, port);
    },
    async restart(signal) {
      process = stop(signal).then(start);
      await process;
    },
  };
}

/** Passes a request on under its own host name, which `fetch` would not. */
async function forward(request: Request, port: number): Promise<Response> {
  const { pathname, search, host } = new URL(request.url);
  const { method } = request;
  const body = new Uint8Array(await request.clone().arrayBuffer());
  const headers = { ...Object.fromEntries(request.headers), host, connection: "close" };
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const outgoing = http.request({ port, path: pathname + search, method, headers }, (incoming) => {
    const answer = new Headers();
    for (const [name, values] of Object.entries(incoming.headersDistinct)) {
      for (const value of values ?? []) answer.append(name, value);
    }
    const { statusCode: status = 502 } = incoming;
    Array.fromAsync(incoming).then(
      (chunks) => resolve(new Response(Buffer.concat(chunks), { status, headers: answer })),
      reject,
    );
  });
  outgoing.on("error", reject).end(body);
  return await promise;
}
