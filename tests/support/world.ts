/** The whole system in one process: server, emulator, browser, clock. No port, no permission. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { generateKeyPair } from "jose";
import { type App, createApp } from "../../lib/app.ts";
import { type Config, readConfig } from "../../lib/config.ts";
import { createScriptedBrowser, type ScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { createLog, type Log, type LogLevel } from "../../lib/log.ts";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { readLogFields, type RequestContext } from "../../lib/request_context.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import type { Store } from "../../lib/store/store.ts";
import { noTelemetry, type Telemetry } from "../../lib/telemetry/telemetry.ts";
import {
  createEmulator,
  type Emulator,
  emulatorCredentials,
} from "../../lib/workos/emulator/emulator.ts";
import type { Directory } from "../../lib/workos/directory.ts";
import type { Upstream } from "../../lib/workos/upstream.ts";
import { connectWorkOS } from "../../lib/workos/connect_workos.ts";
import { definition as exampleDefinition } from "../../server.ts";
import { getSecretWatch } from "./secret_watch.ts";

/** One key pair for all emulators of a test file: making one takes up to a third of a second. */
const signingKey = generateKeyPair("RS256");

/** Where the server is, in tests. */
export const SERVER = "http://localhost:8000";
/** Where the emulator is, in tests. */
export const EMULATOR = "http://localhost:4100";

/** Answers a request instead of the part it was for, or lets it pass. */
export type Intercept = (request: Request) => Response | undefined | Promise<Response | undefined>;

/** Settings of {@link createWorld}. */
export interface WorldOptions {
  env?: Record<string, string>;
  definition?: McpDefinition;
  store?: Store;
  /** WorkOS of another world: the two are replicas then, if the store is shared as well. */
  emulator?: Emulator;
  /** Waits, in milliseconds; by default for no longer than until the next turn. */
  wait?: (duration: number) => Promise<void>;
  telemetry?: Telemetry;
}

/** One server and everything around it. */
export interface World {
  app: App;
  config: Config;
  emulator: Emulator;
  store: Store;
  upstream: Upstream;
  directory: Directory;
  /** Reaches server and emulator by URL. */
  fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Lines of JSON written at debug level. */
  logs: string[];
  /** Requests that reached WorkOS, as `POST /path`; without those that the audit log makes by itself. */
  upstreamCalls: string[];
  /** Set to make WorkOS misbehave. */
  faults: { workos?: Intercept | undefined };
  /** What clients publish, by URL: metadata documents and keys. Anything else is a 404. */
  documents: Map<string, () => Response>;
  /** URLs of theirs that were fetched. */
  documentRequests: string[];
  /** Moves the clock, in milliseconds. */
  advance: (duration: number) => void;
  now: () => number;
  browser: () => ScriptedBrowser;
}

/** Builds a world around a fixed moment. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const { env = {}, definition = exampleDefinition, store, emulator: shared } = options;
  const { wait = yieldTurn, telemetry = noTelemetry } = options;
  let time = Date.UTC(2026, 10, 1);
  const now = () => time;
  const logs: string[] = [];
  const textLogs: string[] = [];
  const secrets = getSecretWatch();
  secrets.watchLog(() => [...logs, ...textLogs]);
  const upstreamCalls: string[] = [];
  const documents: World["documents"] = new Map();
  const documentRequests: string[] = [];
  const faults: World["faults"] = {};
  const config = readConfig({
    WORKOS_CLIENT_ID: emulatorCredentials.clientId,
    WORKOS_API_KEY: emulatorCredentials.apiKey,
    WORKOS_API_URL: EMULATOR,
    ...env,
  });
  const { credentials } = config.workos;
  if (!credentials) throw new Error("no credentials");
  const emulator = shared ?? createEmulator({
    origin: EMULATOR,
    now,
    redirectUris: [`${config.baseUrl}/auth/callback`],
    signingKey: await signingKey,
  });
  const workos = secrets.watch(async (request) =>
    await faults.workos?.(request.clone()) ?? await emulator.fetch(request)
  );
  const { api, upstream, directory } = connectWorkOS({
    ...config,
    config: { ...config.workos, credentials },
    now,
    fetch: telemetry.traceFetch(async (input, init) => {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      if (!pathname.startsWith("/audit_logs/")) upstreamCalls.push(`${request.method} ${pathname}`);
      return await workos(request);
    }),
  });
  const usedStore = store ?? await createSqlStore(openSqlite(":memory:"));
  const requestContext = new AsyncLocalStorage<RequestContext>();
  const openLog = (format: "json" | "text", lines: string[]) =>
    createLog({
      level: "debug",
      format,
      now,
      write: (line) => void lines.push(line),
      context: () => readLogFields(requestContext.getStore()),
    });
  const log = telemetry.countEvents(joinLogs([openLog("json", logs), openLog("text", textLogs)]));
  telemetry.observeGrants(usedStore, log, now);
  const bareApp = await createApp({
    config,
    definition: telemetry.traceMcp(definition),
    store: usedStore,
    upstream,
    directory,
    api,
    // Rejects like the real one when an entry throws.
    async fetchDocument({ href }) {
      documentRequests.push(href);
      await Promise.resolve();
      return documents.get(href)?.() ?? new Response(null, { status: 404 });
    },
    log,
    requestContext,
    now,
    random: randomBytes,
    wait,
  });
  const app: App = { ...bareApp, fetch: secrets.watch(telemetry.traceApp(bareApp).fetch) };
  const route = (request: Request): Promise<Response> => {
    const { origin } = new URL(request.url);
    if (origin === config.baseUrl) return app.fetch(request);
    if (origin === EMULATOR) return emulator.fetch(request);
    return Promise.reject(new TypeError(`Nobody listens at ${origin}`));
  };
  return {
    app,
    config,
    emulator,
    store: usedStore,
    upstream,
    directory,
    logs,
    upstreamCalls,
    faults,
    documents,
    documentRequests,
    now,
    fetch: (input, init) => route(new Request(input, init)),
    advance: (duration) => time += duration,
    browser: () =>
      createScriptedBrowser({
        fetch: route,
        stopAt: (url) => ![config.baseUrl, EMULATOR].includes(new URL(url).origin),
      }),
  };
}

function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Writes every event to all of them. */
function joinLogs(logs: readonly Log[]): Log {
  const at = (level: LogLevel): Log[LogLevel] => (event, fields) => {
    for (const log of logs) log[level](event, fields);
  };
  return { debug: at("debug"), info: at("info"), warning: at("warning"), error: at("error") };
}
