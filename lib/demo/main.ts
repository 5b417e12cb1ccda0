/** `deno task demo`: emulator, server and client in one process, and a browser without a window. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { definition } from "../../server.ts";
import { createApp } from "../app.ts";
import { listenOnLoopback } from "../client/callback_server.ts";
import { connect } from "../client/connect.ts";
import { setDeadline } from "../client/deadline.ts";
import { createMemoryTokenCache } from "../client/memory_token_cache.ts";
import { callTool, listTools, renderContent } from "../client/tools.ts";
import { readConfig } from "../config.ts";
import { silentLog } from "../log.ts";
import { createSafeFetch } from "../oauth/safe_fetch.ts";
import { openSqlite } from "../store/sqlite.ts";
import { createSqlStore } from "../store/sql_store.ts";
import { createEmulator, emulatorCredentials } from "../workos/emulator/emulator.ts";
import { connectWorkOS } from "../workos/connect_workos.ts";
import { createNarrator, listenTo } from "./narrator.ts";
import { createScriptedBrowser } from "./scripted_browser.ts";

const PERSON = "alice@acme.test";

type Handler = (request: Request) => Promise<Response>;

const color = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
const tapped = listenTo(
  (request) => fetch(request, { redirect: "manual" }),
  createNarrator(console.log, color),
);

const workos = listen();
const server = listen();
await startWorkOS();
await startServer();
await runClient();
Deno.exit(0);

/** Takes a free port first, since both sides have to know their URL before they answer. */
function listen(): { url: string; answer: (handler: Handler) => void } {
  const handler = Promise.withResolvers<Handler>();
  const { addr } = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => await (await handler.promise)(request),
  );
  return { url: `http://localhost:${addr.port}`, answer: handler.resolve };
}

function startWorkOS(): void {
  const redirectUris = [`${server.url}/auth/callback`];
  const emulator = createEmulator({ origin: workos.url, now: Date.now, redirectUris });
  workos.answer(emulator.fetch);
}

async function startServer(): Promise<void> {
  const { clientId, apiKey } = emulatorCredentials;
  const config = readConfig({ WORKOS_BASE_URL: server.url, STORE_URL: "memory:" });
  const app = await createApp({
    config,
    definition,
    store: await createSqlStore(openSqlite(":memory:")),
    ...connectWorkOS({
      ...config,
      config: { credentials: { clientId, apiKeys: [apiKey] }, apiUrl: workos.url },
      fetch,
      now: Date.now,
    }),
    fetchDocument: createSafeFetch({
      lookup: (hostname) => lookup(hostname, { all: true }),
      allowLoopback: config.allowLoopbackClientMetadata,
    }),
    log: silentLog,
    now: Date.now,
    random: randomBytes,
    wait: (duration) => new Promise((resolve) => setTimeout(resolve, duration)),
    requestContext: new AsyncLocalStorage(),
  });
  server.answer((request) => app.fetch(request));
}

async function runClient(): Promise<void> {
  console.log(`An MCP client, a server on ${server.url}, a WorkOS emulator on ${workos.url}\n`);
  const connection = await connect(`${server.url}/mcp`, {
    settings: { callbackHost: "127.0.0.1", timeout: 30_000 },
    cache: createMemoryTokenCache(),
    fetch: (input, init) => tapped(new Request(input, init)),
    now: Date.now,
    setDeadline,
    random: randomBytes,
    log: silentLog,
    signal: AbortSignal.timeout(30_000),
    listen: listenOnLoopback,
    onStep: ({ name, text }) => {
      if (name === "authorization_url") void browse(text.replace("Sign in at: ", ""));
    },
  });
  const tools = await listTools(connection);
  const whoami = await callTool(connection, "whoami", {});
  const echo = await callTool(connection, "echo", { message: "Hello from the demo" });
  console.log(`\nTools: ${tools.map(({ name }) => name).join(", ")}`);
  console.log(`\nwhoami\n${renderContent(whoami)}`);
  console.log(`\necho\n${renderContent(echo)}`);
  await connection.close();
}

/** What a person does: allow the client, sign in at WorkOS. */
async function browse(url: string): Promise<void> {
  const browser = createScriptedBrowser({ fetch: tapped });
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  await browser.submit(login, { email: PERSON });
}
