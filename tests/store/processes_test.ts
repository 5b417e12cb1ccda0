/** Processes that race on one store. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StoreLocation } from "../../lib/config.ts";
import { openStore } from "../../lib/store/open_store.ts";
import type { Store } from "../../lib/store/store.ts";
import { testNeeding } from "../support/needs.ts";
import { usePostgres } from "../support/postgres.ts";
import { PROCESS_NEEDS } from "../support/server_process.ts";
import { type Findings, RACES } from "../support/store_worker.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { buildCode, buildGrant, buildIssue } from "./rows.ts";

const WORKER = fileURLToPath(new URL("../support/store_worker.ts", import.meta.url));

const NAMES = ["a", "b"];

const { testPostgres } = usePostgres();

testNeeding(
  PROCESS_NEEDS,
  "processes on one SQLite file: everything is won once",
  () =>
    withTempDirectory((directory) => race({ kind: "sqlite", path: join(directory, "store.db") })),
);

testPostgres("processes on one PostgreSQL: everything is won once", async ({ createDatabase }) => {
  await race({ kind: "postgres", url: await createDatabase() });
});

async function race(location: StoreLocation): Promise<void> {
  // They start on an empty database, so that making the tables is a race as well.
  const workers = NAMES.map((name) => startWorker(name, location));
  await Promise.all(workers.map(({ opened }) => opened));
  const store = await openStore(location);
  await fill(store);
  const findings = await Promise.all(workers.map(({ takePart }) => takePart()));

  for (let race = 0; race < RACES; race++) {
    const of = <T>(read: (findings: Findings) => T[]) => findings.map((one) => read(one)[race]);
    assert.equal(new Set(of(({ secrets }) => secrets)).size, 1, "one secret");
    for (const once of [of((f) => f.signIns), of((f) => f.codes), of((f) => f.renewals)]) {
      assert.deepEqual(once.toSorted(), [false, true]);
    }
    const [salt, ...others] = of(({ salts }) => salts);
    assert.ok(salt);
    assert.deepEqual(others, [salt], "everyone learns the salt of the one rotation");
    const redeemed = of(({ codes }) => codes);
    for (const [index, name] of NAMES.entries()) {
      const isStored = async (token: string) => await store.findAccessToken(token) !== undefined;
      assert.equal(await isStored(`access redeemed ${race} ${name}`), redeemed[index]);
      const rotated = `rotated ${race} ${name}`;
      assert.equal(await isStored(`access ${rotated}`), salt === rotated);
    }
  }
  await store.close();
}

async function fill(store: Store): Promise<void> {
  for (let race = 0; race < RACES; race++) {
    await store.openSignIn({ id: `sign-in ${race}`, sealed: "x", expiresAt: 100 });
    for (const kind of ["fresh", "used"]) {
      await store.insertGrant(buildGrant(`${kind} ${race}`), buildCode(`${kind} ${race}`));
    }
    const redemption = { codeHash: `used ${race}`, now: 0, rememberUntil: 900 };
    assert.ok(await store.redeemCode({ ...buildIssue(`${race}`, `used ${race}`), ...redemption }));
  }
}

function startWorker(name: string, location: StoreLocation) {
  const worker = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=server", WORKER, name, JSON.stringify(location)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = readLines(worker.stdout);
  return {
    opened: lines.next().then(({ value }) => assert.equal(value, "open")),
    async takePart(): Promise<Findings> {
      const input = worker.stdin.getWriter();
      await input.write(new Uint8Array(1));
      await input.close();
      const { value } = await lines.next();
      assert.ok(value, "the worker failed");
      await lines.next();
      assert.ok((await worker.status).success);
      return JSON.parse(value);
    },
  };
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
