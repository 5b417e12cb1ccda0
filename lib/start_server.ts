/** Starts the server for `server.ts`: settings, store, WorkOS or its emulator, listening, stopping. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { type App, createApp } from "./app.ts";
import { type Config, readConfig } from "./config.ts";
import { describeServer } from "./describe_server.ts";
import { SettingsError } from "./errors.ts";
import { createLog, describeError, type Log } from "./log.ts";
import type { McpDefinition } from "./mcp/endpoint.ts";
import { createSafeFetch } from "./oauth/safe_fetch.ts";
import { readLogFields, type RequestContext } from "./request_context.ts";
import { createResourceApp, type ResourceAppOptions } from "./resource_app.ts";
import { openStore } from "./store/open_store.ts";
import { noTelemetry, type Telemetry } from "./telemetry/telemetry.ts";
import {
  type ApiKeys,
  type AuthKitConfig,
  parseApiKeys,
  type WorkOSCredentials,
} from "./workos/config.ts";
import { connectAuthKit, connectWorkOS } from "./workos/connect_workos.ts";
import { checkSetup } from "./workos/check_setup.ts";
import type { RunningEmulator } from "./workos/emulator/start_emulator.ts";

/** How long running requests, then open streams, may take after Ctrl-C, in milliseconds. */
const REQUEST_LIMIT = 3500;
const STREAM_LIMIT = 500;

/** How long to wait before listening again, in milliseconds. */
const RELISTEN_PAUSE = 200;

/** How often expired rows are deleted, in milliseconds. */
const SWEEP_INTERVAL = 60_000;

/** How often it is looked for events of WorkOS that are not handled yet, in milliseconds. */
const EVENT_INTERVAL = 10_000;

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
  const requestContext = new AsyncLocalStorage<RequestContext>();
  const telemetry = config.telemetry ? await startTelemetry(definition) : noTelemetry;
  const log = telemetry.countEvents(createLog({
    ...config.log,
    context: () => readLogFields(requestContext.getStore()),
    now: Date.now,
    write: (line) => Deno.stderr.writeSync(new TextEncoder().encode(line)),
  }));
  const fetch = telemetry.traceFetch(globalThis.fetch);
  const parts = {
    definition: telemetry.traceMcp(definition),
    log,
    fetch,
    telemetry,
    now: Date.now,
    random: randomBytes,
    wait: delay,
    requestContext,
  };
  const { authkit } = config.workos;
  if (authkit && !authkit.application) return await runResourceServer(config, parts, authkit);
  const hasAccount = config.workos.credentials || authkit;
  const emulator = hasAccount ? undefined : await startEmulator(config);
  const workos = { ...config.workos, ...emulator?.workos };
  const connection = connectWorkOS({
    ...config,
    config: workos,
    fetch,
    now: Date.now,
    reloadApiKeys: () => reloadApiKeys(workos.credentials, log),
  });
  const { upstream } = connection;
  const setup = { config: workos, upstream, log, fetch, now: Date.now };
  const [store] = await allOrProblems(openStore(config.store), checkSetup(setup));
  telemetry.observeGrants(store, log, Date.now);
  const app = await createApp({
    ...parts,
    ...connection,
    config: { ...config, workos },
    store,
    fetchDocument: createSafeFetch({
      lookup: (hostname) => lookup(hostname, { all: true }),
      allowLoopback: config.allowLoopbackClientMetadata,
    }),
  });
  const describe = (address: Deno.NetAddr) =>
    describeServer(config, definition.name, address, emulator?.workos.apiUrl);
  await serve(telemetry.traceApp(app), config, log, describe);
  await store.close();
  Deno.exit(0);
}

/** Without a store and without pages: AuthKit is the authorization server. */
async function runResourceServer(
  config: Config,
  parts: Omit<ResourceAppOptions, "config" | "authkit" | "directory" | "api"> & {
    fetch: typeof globalThis.fetch;
    telemetry: Telemetry;
  },
  { issuer }: AuthKitConfig,
): Promise<void> {
  const { log, fetch, telemetry } = parts;
  const connection = connectAuthKit({
    ...config,
    config: config.workos,
    fetch,
    log,
    now: Date.now,
    reloadApiKeys: () => reloadApiKeys(config.workos.credentials, log),
  }, issuer);
  const setup = {
    config: config.workos,
    upstream: connection.authkit.domain,
    log,
    fetch,
    now: Date.now,
  };
  await checkSetup(setup);
  const app = createResourceApp({ ...parts, ...connection, config });
  await serve(
    telemetry.traceApp(app),
    config,
    log,
    (address) => describeServer(config, parts.definition.name, address),
  );
  Deno.exit(0);
}

/** Listens and says so, until a signal; then lets go of what runs. */
async function serve(
  app: App,
  config: Config,
  log: Log,
  describe: (address: Deno.NetAddr) => string,
): Promise<void> {
  const stopped = Promise.race([once("SIGINT"), once("SIGTERM")]);
  const server = keepListening(config, log, app.fetch);
  console.log(describe(server.addr));
  const timers = [
    setInterval(app.sweep, SWEEP_INTERVAL),
    setInterval(app.handleEvents, EVENT_INTERVAL),
  ];

  await stopped;
  for (const timer of timers) clearInterval(timer);
  const finished = server.shutdown();
  await Promise.race([finished, delay(REQUEST_LIMIT)]);
  // What still runs are streams that would never end by themselves.
  const limit = delay(STREAM_LIMIT);
  await Promise.all([app.close(limit), Promise.race([finished, limit])]);
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
function reloadApiKeys(credentials: WorkOSCredentials | undefined, log: Log): ApiKeys | undefined {
  const { apiKeyFile } = credentials ?? {};
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

/** Loaded only where it is used. */
async function startTelemetry({ version }: McpDefinition): Promise<Telemetry> {
  const { createOpenTelemetry } = await import("./telemetry/open_telemetry.ts");
  return createOpenTelemetry(version);
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
