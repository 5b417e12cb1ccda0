/**
 * `deno task bench`: CPU time of the server process per operation, in units of one authenticated
 * `tools/call` on the SDK alone, measured in alternation on this machine. Ratios hold where absolute
 * figures drift.
 */

import { join } from "node:path";
import { generateKeyPair } from "jose";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { createEmulator, emulatorCredentials } from "../../lib/workos/emulator/emulator.ts";
import { REDIRECT_URI } from "../support/oauth_client.ts";
import { findFreePort } from "../support/server_process.ts";
import { type MeasuredProcess, startMeasured } from "./measured_process.ts";
import {
  callEcho,
  callInTurn,
  type Operation,
  refresh,
  refreshInTurn,
  register,
  signIn,
} from "./operations.ts";

/** Short rounds in alternation: what else the machine does then falls on both sides. */
const ROUNDS = 12;
const STARTS = 5;
const CONCURRENCY = 16;
const TOKEN = "baseline-token";

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
      resource: "",
      approvedScope: "openid profile email",
      scope: "openid profile email",
      permissions: "",
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
const modern: Row = [
  "authenticated tools/call, 2026-07-28",
  "<= 1.10",
  server,
  600,
  callInTurn(server.url, sessions, "modern"),
];
const rows: Row[] = [
  modern,
  [
    "a request without a token",
    "<= 0.25",
    server,
    1000,
    callEcho(server.url, undefined, "modern", 401),
  ],
  [
    "a request with a wrong token",
    "<= 0.25",
    server,
    1000,
    callEcho(server.url, `wmcp_at_${"A".repeat(16)}_${"A".repeat(43)}`, "modern", 401),
  ],
  ["a refresh, WorkOS token fresh", "<= 1.5", server, 300, refreshInTurn(server.url, sessions)],
  ["a refresh, WorkOS asked", "<= 4", stale, 150, refreshInTurn(stale.url, staleSessions)],
];
const FLOW = 32;
rows.push([
  "whole code flow, with consent and WorkOS",
  "<= 8",
  server,
  FLOW,
  async () => void await signIn(server.url, clientId),
], [
  "the same and one refresh",
  "<= 10",
  server,
  FLOW,
  async () => await refresh(server.url, await signIn(server.url, clientId)),
]);

// Compiling and caches first.
await measure(baseline, 1000, call);
await measure(baseline, 1000, callLegacy);
for (const [, , of, count, operation] of rows) await measure(of, count, operation);

const units: number[] = [];
/** The cost of an operation in units of the baseline, measured just before it each time. */
async function measureRatio([, , of, count, operation]: Row, unitOperation = call) {
  let cost = 0;
  let unit = 0;
  for (let round = 0; round < ROUNDS; round++) {
    unit += await measure(baseline, 600, unitOperation);
    cost += await measure(of, count, operation);
  }
  if (unitOperation === call) units.push(unit / ROUNDS);
  return cost / unit;
}

print("", "ratio", "goal");
for (const row of rows) print(row[0], (await measureRatio(row)).toFixed(2), row[1]);
const legacy = callInTurn(server.url, sessions, "legacy");
const legacyGoal = "<= 1.10 of the same on the SDK";
const legacyRow: Row = ["authenticated tools/call, 2025-11-25", legacyGoal, server, 600, legacy];
print(legacyRow[0], (await measureRatio(legacyRow, callLegacy)).toFixed(2), legacyGoal);

const path = join(directory, `${new URL(server.url).port}.db`);
// Once more, so that the server is in the same state for all: the flows leave work to its collector.
await measureRatio(modern);
const few = await measureRatio(modern);
for (const [from, to] of [[0, 10_000], [10_000, 100_000]] as const) {
  await addGrants(path, from, to);
  const ratio = await measureRatio(modern) / few;
  print(`a call with ${to} live grants, against a few`, ratio.toFixed(2), "<= 1.1");
}

const starts: number[] = [];
const baselineStarts: number[] = [];
const memories: number[] = [];
for (let round = 0; round < STARTS; round++) {
  const [plain, full] = [await startBaseline(), await startServer(directory, 300)];
  baselineStarts.push(plain.startUp);
  starts.push(full.startUp);
  memories.push(full.readMemory());
  await Promise.all([plain.stop(), full.stop()]);
}
const startRatio = median(starts) / median(baselineStarts);
print("start to the first answer", startRatio.toFixed(2), "<= 1.6");
print("memory at rest", `${Math.round(median(memories))} MiB`, "<= 85 MiB");

console.log(`\nOne unit is ${Math.round(median(units))} microseconds of CPU here.`);

await Promise.all([baseline, server, stale].map((process) => process.stop()));
await Deno.remove(directory, { recursive: true });
Deno.exit(0);
