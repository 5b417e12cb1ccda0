/** Starts the server for `server.ts`: settings, store, WorkOS or its emulator, listening, stopping. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { createApp } from "./app.ts";
import { type Config, readConfig } from "./config.ts";
import { SettingsError } from "./errors.ts";
import { createLog, describeError, type Log, type LogFields } from "./log.ts";
import type { McpDefinition } from "./mcp/endpoint.ts";
import { createSafeFetch } from "./oauth/safe_fetch.ts";
import { openStore } from "./store/open_store.ts";
import { type ApiKeys, parseApiKeys, type WorkOSCredentials } from "./workos/config.ts";
import { connectWorkOS } from "./workos/connect_workos.ts";
import { checkSetup } from "./workos/check_setup.ts";
import type { RunningEmulator } from "./workos/emulator/start_emulator.ts";

/** How long running requests, then open streams, may take after Ctrl-C, in milliseconds. */
const REQUEST_LIMIT = 3500;
const STREAM_LIMIT = 500;

/** How long to wait before listening again, in milliseconds. */
const RELISTEN_PAUSE = 200;

/** How often expired rows are deleted, in milliseconds. */
const SWEEP_INTERVAL = 60_000;

/**
 * Starts the server and stays until SIGINT or SIGTERM. Settings that cannot work are reported
 * together on stderr, and the process exits with code 2.
 *
 * @param definition tools, resources and prompts.
 */
export async function startServer(definition: McpDefinition): Promise<void> {
  try {
    await run(definition);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error("The server cannot start:\n");
    for (const problem of error.problems) console.error(`  - ${problem}`);
    console.error("\nSettings are environment variables or lines of .env; see .env.example.");
    Deno.exit(2);
  }
}

async function run(definition: McpDefinition): Promise<void> {
  const config = readConfig(Deno.env.toObject(), Deno.readTextFileSync);
  const requestFields = new AsyncLocalStorage<LogFields>();
  const log = createLog({
    ...config.log,
    context: () => requestFields.getStore(),
    now: Date.now,
    write: (line) => Deno.stderr.writeSync(new TextEncoder().encode(line)),
  });
  const emulator = config.workos.credentials ? undefined : await startEmulator(config);
  const workos = { ...config.workos, ...emulator?.workos };
  const { credentials } = workos;
  if (!credentials) throw new SettingsError(["WORKOS_CLIENT_ID and WORKOS_API_KEY are not set."]);
  const { upstream, directory } = connectWorkOS({
    ...config,
    config: { ...workos, credentials },
    fetch,
    now: Date.now,
    reloadApiKeys: () => reloadApiKeys(credentials, log),
  });
  const setup = { config: { ...workos, credentials }, upstream, log, fetch, now: Date.now };
  const [store] = await allOrProblems(openStore(config.store), checkSetup(setup));
  const app = await createApp({
    config,
    definition,
    store,
    upstream,
    directory,
    fetchDocument: createSafeFetch({
      lookup: (hostname) => lookup(hostname, { all: true }),
      allowLoopback: config.allowLoopbackClientMetadata,
    }),
    log,
    now: Date.now,
    random: randomBytes,
    wait: delay,
    requestFields,
  });
  const stopped = Promise.race([once("SIGINT"), once("SIGTERM")]);
  const server = keepListening(config, log, app.fetch);
  console.log(describeServer(config, definition, server.addr, emulator?.workos.apiUrl));
  const sweeping = setInterval(app.sweep, SWEEP_INTERVAL);

  await stopped;
  clearInterval(sweeping);
  const finished = server.shutdown();
  await Promise.race([finished, delay(REQUEST_LIMIT)]);
  // What still runs are streams that would never end by themselves.
  await app.close();
  await Promise.race([finished, delay(STREAM_LIMIT)]);
  await store.close();
  Deno.exit(0);
}

/**
 * Listens, and again if the system ends it: with more connections than file descriptors, `Deno.serve`
 * stops for good, and an error that nobody waits for would end the process.
 */
function keepListening(
  config: Config,
  log: Log,
  handler: Handler,
): Pick<Deno.HttpServer<Deno.NetAddr>, "addr" | "shutdown"> {
  let current = listen(config, log, handler);
  const watch = async (): Promise<void> => {
    for (let listening = true;;) {
      try {
        if (!listening) current = listen(config, log, handler);
        listening = true;
        await current.finished;
        return;
      } catch (error) {
        listening = false;
        log.error("listener_failed", describeError(error));
        await delay(RELISTEN_PAUSE);
      }
    }
  };
  const { addr } = current;
  const watching = watch();
  return {
    addr,
    async shutdown() {
      await current.shutdown();
      await watching;
    },
  };
}

/** Waits for all, and reports the problems of all together. */
async function allOrProblems<T extends unknown[]>(
  ...work: { [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  const settled = await Promise.allSettled(work);
  const failures = settled.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
  const problems = failures.flatMap((error) => {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  });
  if (problems.length > 0) throw new SettingsError(problems);
  return await Promise.all(work) as T;
}

/** The keys in the file now, for a rotation without a restart. */
function reloadApiKeys({ apiKeyFile }: WorkOSCredentials, log: Log): ApiKeys | undefined {
  if (apiKeyFile === undefined) return undefined;
  try {
    const keys = parseApiKeys(Deno.readTextFileSync(apiKeyFile));
    if (typeof keys !== "string") return keys;
    log.error("invalid_api_key", { message: `WORKOS_API_KEY_FILE ${keys}` });
  } catch (error) {
    log.error("invalid_api_key", { message: `WORKOS_API_KEY_FILE: ${String(error)}` });
  }
  return undefined;
}

/** Loaded only where it is used: a server with an account starts without it. */
async function startEmulator(config: Config): Promise<RunningEmulator> {
  const { startEmulator } = await import("./workos/emulator/start_emulator.ts");
  return startEmulator(config);
}

type Handler = (request: Request, peer: string) => Promise<Response>;

function listen(
  { listen: { hostname, port } }: Config,
  log: Log,
  handler: Handler,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({
      // "localhost" alone may mean IPv6 only; clients of a loopback server try both.
      hostname: hostname === "localhost" ? "127.0.0.1" : hostname,
      port,
      onListen: () => log.debug("listening", { hostname, port }),
    }, (request, { remoteAddr }) => handler(request, remoteAddr.hostname));
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new SettingsError([
        `Port ${port} is in use, perhaps by another copy of this server. Stop that program, or ` +
        "choose another port with PORT, or with WORKOS_BASE_URL if clients come by it directly.",
      ]);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new SettingsError([`Port ${port} needs privileges. Set PORT to one above 1023.`]);
    }
    if (error instanceof Deno.errors.AddrNotAvailable) {
      throw new SettingsError([`HOST=${hostname} is not an address of this machine.`]);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new SettingsError([`HOST=${hostname}: cannot listen there (${reason}).`]);
  }
}

function once(signal: "SIGINT" | "SIGTERM"): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Windows has no SIGTERM.
  if (signal === "SIGINT" || Deno.build.os !== "windows") Deno.addSignalListener(signal, resolve);
  return promise;
}

function delay(duration: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration));
}

/** What to know and what to copy, once the server listens. */
function describeServer(
  { baseUrl, resource, workos, store }: Config,
  { name }: McpDefinition,
  { hostname, port }: Deno.NetAddr,
  emulatorUrl: string | undefined,
): string {
  const place = store.kind === "sqlite" ? store.path : store.kind;
  const which = emulatorUrl
    ? `built-in emulator on ${emulatorUrl} (for development: anyone can sign in)`
    : workos.apiUrl;
  const cursor = JSON.stringify({ mcpServers: { workos: { url: resource } } });
  const direct = new URL(baseUrl).protocol === "http:" && new URL(baseUrl).port === String(port);
  const listening = direct
    ? ""
    : `\n  Listening on   ${hostname}:${port}, for a proxy at the URL above`;
  return `${name} is at ${baseUrl}

  MCP endpoint   ${resource}${listening}
  WorkOS         ${which}
  Redirect URI   ${baseUrl}/auth/callback${emulatorUrl ? "" : "  (add it in the WorkOS dashboard)"}
  Store          ${place}

Add it to a client:
  This project   deno task client ${resource}
  Claude Code    claude mcp add --transport http workos ${resource}
  Cursor         ${cursor}

Ctrl-C stops it.`;
}
