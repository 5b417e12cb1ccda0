/**
 * `deno task bench`: CPU time of the server process per operation, in units of one authenticated
 * `tools/call` on the SDK alone, measured in alternation on this machine. Ratios hold where absolute
 * figures drift.
 */

import { join } from "node:path";
import { generateKeyPair } from "jose";
import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { createEmulator, emulatorCredentials } from "../../lib/workos/emulator/emulator.ts";
import { approve, createPkce, REDIRECT_URI } from "../support/oauth_client.ts";
import { findFreePort } from "../support/server_process.ts";
import { type MeasuredProcess, startMeasured } from "./measured_process.ts";

const ROUNDS = 5;
const CONCURRENCY = 16;
const TOKEN = "baseline-token";

interface Session {
  clientId: string;
  accessToken: string;
  refreshToken: string;
}

type Operation = () => Promise<void>;

/** Runs an operation many times, and returns the CPU time of one, in microseconds. */
async function measure(server: MeasuredProcess, count: number, operation: Operation) {
  let left = count;
  const before = server.readCpu();
  const worker = async () => {
    while (left-- > 0) await operation();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return (server.readCpu() - before) / count;
}

async function drain(response: Response, status: number): Promise<void> {
  if (response.status !== status) throw new Error(`${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

function callEcho(url: string, token: string | undefined, era: "modern" | "legacy", status = 200) {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { name: "echo", arguments: { message: "hello" } };
  const modern = era === "modern";
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: modern ? { ...params, _meta: meta } : params,
  });
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": modern ? "2026-07-28" : "2025-11-25",
    ...(modern && { "mcp-method": "tools/call", "mcp-name": "echo" }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  return async () => {
    await drain(await fetch(`${url}/mcp`, { method: "POST", headers, body }), status);
  };
}

function post(url: string, form: Record<string, string>): Promise<Response> {
  return fetch(url, { method: "POST", body: new URLSearchParams(form) });
}

/** Registers once, so that the flow measured is the code flow. */
async function register(url: string): Promise<string> {
  const response = await fetch(`${url}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
  });
  return (await response.json()).client_id;
}

let people = 0;

async function signIn(url: string, clientId: string): Promise<Session> {
  const { verifier, challenge } = createPkce();
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code_challenge: challenge,
    code_challenge_method: "S256",
  });
  const browser = createScriptedBrowser({
    fetch: (request) => {
      // Every person from an address of their own: the brakes are not what is measured.
      request.headers.set("x-forwarded-for", `10.0.${Math.floor(people / 250)}.${people++ % 250}`);
      return fetch(request, { redirect: "manual" });
    },
    stopAt: (url) => url.startsWith(REDIRECT_URI),
  });
  const end = await approve(browser, `${url}/authorize?${query}`);
  const response = await post(`${url}/token`, {
    grant_type: "authorization_code",
    client_id: clientId,
    code: new URL(end.url).searchParams.get("code") ?? "",
    code_verifier: verifier,
  });
  const tokens = await response.json();
  return { clientId, accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
}

async function refresh(url: string, session: Session): Promise<void> {
  const response = await post(`${url}/token`, {
    grant_type: "refresh_token",
    client_id: session.clientId,
    refresh_token: session.refreshToken,
  });
  if (response.status !== 200) throw new Error(await response.text());
  session.refreshToken = (await response.json()).refresh_token;
}

/** Refreshes sessions in turn, each worker another one, since a token works once. */
function refreshInTurn(url: string, sessions: Session[]): Operation {
  let next = 0;
  return () => refresh(url, sessions[next++ % sessions.length] ?? { ...empty });
}

const empty: Session = { clientId: "", accessToken: "", refreshToken: "" };

/** WorkOS, in this process: its CPU time does not count. */
function startWorkOS(accessTokenTtl: number, redirectUri: string): string {
  const port = findFreePort();
  const origin = `http://localhost:${port}`;
  const emulator = createEmulator({
    origin,
    now: Date.now,
    redirectUris: [redirectUri],
    accessTokenTtl,
    signingKey,
  });
  Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, emulator.fetch);
  return origin;
}

/** Made before anything is measured: it takes up to a third of a second. */
const signingKey = await generateKeyPair("RS256");

async function startServer(directory: string, accessTokenTtl: number): Promise<MeasuredProcess> {
  const port = findFreePort();
  const url = `http://localhost:${port}`;
  return await startMeasured(["run", "-q", "-P=server", "server.ts"], port, {
    WORKOS_BASE_URL: url,
    WORKOS_API_URL: startWorkOS(accessTokenTtl, `${url}/auth/callback`),
    WORKOS_CLIENT_ID: emulatorCredentials.clientId,
    WORKOS_API_KEY: emulatorCredentials.apiKey,
    WORKOS_REQUIRED_SCOPES: "openid profile email",
    STORE_URL: `sqlite:${join(directory, `${port}.db`)}`,
    TRUSTED_PROXY_HOPS: "1",
    LOG_LEVEL: "error",
  });
}

async function startBaseline(): Promise<MeasuredProcess> {
  const port = findFreePort();
  const args = ["run", "-q", "--allow-net", "tests/bench/baseline_server.ts", String(port), TOKEN];
  return await startMeasured(args, port);
}

/** Fills a store with grants nobody uses, as many as a large deployment has. */
async function addGrants(path: string, from: number, to: number): Promise<void> {
  const store = await createSqlStore(openSqlite(path));
  const later = Date.now() + 86_400_000;
  for (let i = from; i < to; i++) {
    const row = { hash: `filler ${i}`, wrappedKey: "x".repeat(96), expiresAt: later };
    await store.insertGrant({
      id: `filler ${i}`,
      clientId: "client",
      userId: `user ${i}`,
      sessionId: `session ${i}`,
      organizationId: "org",
      approvedScope: "openid profile email",
      scope: "openid profile email",
      sealedSession: "x".repeat(600),
      sessionVersion: 1,
      sessionExpiresAt: later,
      createdAt: 0,
      expiresAt: later,
    }, { ...row, redirectUri: REDIRECT_URI, codeChallenge: "x" });
    await store.insertAccessToken(`filler ${i}`, { ...row, scope: "openid profile email" });
  }
  await store.close();
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function print(what: string, value: string, goal: string): void {
  console.log(`${what.padEnd(52)} ${value.padStart(10)}   ${goal}`);
}

const directory = await Deno.makeTempDir();
const baseline = await startBaseline();
const server = await startServer(directory, 300);
const stale = await startServer(directory, 0);
const clientId = await register(server.url);
const session = await signIn(server.url, clientId);
const sessions = await Promise.all(
  Array.from({ length: CONCURRENCY * 2 }, () => signIn(server.url, clientId)),
);
const staleClient = await register(stale.url);
const staleSessions = await Promise.all(
  Array.from({ length: CONCURRENCY * 2 }, () => signIn(stale.url, staleClient)),
);
const call = callEcho(baseline.url, TOKEN, "modern");
const callLegacy = callEcho(baseline.url, TOKEN, "legacy");

type Row = [what: string, goal: string, of: MeasuredProcess, count: number, operation: Operation];
const rows: Row[] = [
  [
    "authenticated tools/call, 2026-07-28",
    "<= 1.10",
    server,
    1500,
    callEcho(server.url, session.accessToken, "modern"),
  ],
  [
    "a request without a token",
    "<= 0.25",
    server,
    2000,
    callEcho(server.url, undefined, "modern", 401),
  ],
  [
    "a request with a wrong token",
    "<= 0.25",
    server,
    2000,
    callEcho(server.url, `wmcp_at_${"A".repeat(16)}_${"A".repeat(43)}`, "modern", 401),
  ],
  ["a refresh, WorkOS token fresh", "<= 1.5", server, 400, refreshInTurn(server.url, sessions)],
  ["a refresh, WorkOS asked", "<= 4", stale, 300, refreshInTurn(stale.url, staleSessions)],
];
const ratios = new Map<string, number[]>();
const note = (what: string, ratio: number) => {
  ratios.set(what, [...ratios.get(what) ?? [], ratio]);
};

// Compiling and caches first.
for (const [, , of, , operation] of rows) await measure(of, 300, operation);
await measure(baseline, 1000, call);
await measure(baseline, 1000, callLegacy);

const legacy = "authenticated tools/call, 2025-11-25";
const units: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const [what, , of, count, operation] of rows) {
    const unit = await measure(baseline, 1500, call);
    units.push(unit);
    note(what, await measure(of, count, operation) / unit);
  }
  const unit = await measure(baseline, 1000, callLegacy);
  const cost = await measure(server, 1000, callEcho(server.url, session.accessToken, "legacy"));
  note(legacy, cost / unit);
}
console.log(`One unit is ${Math.round(median(units))} microseconds of CPU here.\n`);
print("", "ratio", "goal");
for (const [what, goal] of rows) print(what, median(ratios.get(what) ?? []).toFixed(2), goal);
print(legacy, median(ratios.get(legacy) ?? []).toFixed(2), "<= 1.10 of the same on the SDK");

const unit = median(units);
const flow = await measure(server, 64, async () => void await signIn(server.url, clientId));
print("whole code flow, with consent and WorkOS", (flow / unit).toFixed(1), "<= 8");
const flowAndRefresh = await measure(
  server,
  64,
  async () => await refresh(server.url, await signIn(server.url, clientId)),
);
print("the same and one refresh", (flowAndRefresh / unit).toFixed(1), "<= 10");

const one = median(ratios.get("authenticated tools/call, 2026-07-28") ?? []) * unit;
const path = join(directory, `${new URL(server.url).port}.db`);
for (const [from, to] of [[0, 10_000], [10_000, 100_000]] as const) {
  await addGrants(path, from, to);
  const costs: number[] = [];
  for (let round = 0; round < 3; round++) {
    costs.push(await measure(server, 1500, callEcho(server.url, session.accessToken, "modern")));
  }
  print(`a call with ${to} live grants, against one`, (median(costs) / one).toFixed(2), "<= 1.1");
}

const starts: number[] = [];
const baselineStarts: number[] = [];
const memories: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const [plain, full] = [await startBaseline(), await startServer(directory, 300)];
  baselineStarts.push(plain.startUp);
  starts.push(full.startUp);
  memories.push(full.readMemory());
  await Promise.all([plain.stop(), full.stop()]);
}
const startRatio = median(starts) / median(baselineStarts);
print("start to the first answer", startRatio.toFixed(2), "<= 1.6");
print("memory at rest", `${Math.round(median(memories))} MiB`, "<= 85 MiB");

await Promise.all([baseline, server, stale].map((process) => process.stop()));
await Deno.remove(directory, { recursive: true });
Deno.exit(0);
