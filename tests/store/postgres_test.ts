/** What is PostgreSQL's own: a server elsewhere that can be away, silent or closed to us. */

import assert from "node:assert/strict";
import { SettingsError, UnavailableError } from "../../lib/errors.ts";
import { openStore } from "../../lib/store/open_store.ts";
import type { SqlDatabase } from "../../lib/store/sql_database.ts";
import type { Store } from "../../lib/store/store.ts";
import { callTool, post, signIn } from "../support/oauth_client.ts";
import { usePostgres } from "../support/postgres.ts";
import { findFreePort } from "../support/server_process.ts";
import { createWorld, type World } from "../support/world.ts";
import { buildCode, buildGrant, buildIssue, buildRotation } from "./rows.ts";

const { testPostgres, testPooled } = usePostgres();

const isUnavailable = (error: unknown) =>
  error instanceof UnavailableError && error.code === "store_unavailable";

/** Opens with a limit that a test can wait for. */
async function openImpatient(url: string): Promise<SqlDatabase> {
  // Imported here: it looks into the environment when it is used.
  const { openPostgres } = await import("../../lib/store/postgres.ts");
  return openPostgres(url, { statementTimeout: 500 });
}

testPostgres("a crash and restart of the server loses nothing and needs nobody", async (server) => {
  const store = await openStore({ kind: "postgres", url: await server.createDatabase() });
  const chains = Array.from({ length: 20 }, (_, index) => `${index}`);
  for (const id of chains) {
    await store.insertGrant(buildGrant(id), buildCode(id));
    const redemption = { codeHash: id, now: 0, rememberUntil: 900 };
    assert.ok(await store.redeemCode({ ...buildIssue(id, id), ...redemption }));
  }
  const traffic = { stopped: false, rotations: 0, failures: 0 };
  const chainEnds = chains.map((id) => rotate(store, id, traffic));

  await until(() => traffic.rotations > 100);
  await server.crash();
  await until(() => traffic.failures > 40);
  await server.start();
  const before = traffic.rotations;
  await until(() => traffic.rotations > before + 100);
  traffic.stopped = true;
  for (const end of await Promise.all(chainEnds)) {
    assert.equal((await store.findRefreshToken(`refresh ${end}`))?.rotatedAt, null);
    assert.ok(await store.findAccessToken(`access ${end}`));
  }
  await store.close();
});

/** Exchanges one refresh token after the other; an exchange that fails is tried again. */
async function rotate(
  store: Store,
  id: string,
  traffic: { stopped: boolean; rotations: number; failures: number },
): Promise<string> {
  let current = id;
  for (let step = 0; !traffic.stopped; step++) {
    const next = `${id}.${step}`;
    for (let done = false; !done;) {
      try {
        const rotation = await store.rotateRefreshToken(buildRotation(current, next, id));
        assert.equal(rotation?.rotationSalt, next);
        done = true;
        traffic.rotations++;
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        traffic.failures++;
      }
    }
    current = next;
  }
  return current;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

testPostgres("a statement that takes too long is ended, at the server too", async (server) => {
  const database = await openImpatient(await server.createDatabase());
  await assert.rejects(database.run("SELECT pg_sleep(60)", []), (error) => {
    assert.ok(isUnavailable(error));
    assert.match(String((error as Error).cause), /statement timeout/);
    return true;
  });
  const running = await database.run(
    "SELECT pid FROM pg_stat_activity WHERE query LIKE $1 AND state <> 'idle'",
    ["SELECT pg_sleep%"],
  );
  assert.deepEqual(running, []);
  await database.close();
});

testPostgres(
  "who waits too long for a busy server harms nobody who is being served",
  async (server) => {
    const database = await openImpatient(await server.createDatabase());
    const sleep = () => database.run("SELECT pg_sleep(0.4)", []);
    const answers = await Promise.allSettled(Array.from({ length: 40 }, sleep));
    const refused = answers.filter((answer) => answer.status === "rejected");
    for (const { reason } of refused) {
      assert.ok(isUnavailable(reason));
      assert.match(reason.message, /No connection to the store was free for 1000 ms/);
    }
    // Ten at once: these cannot have begun in time, and the first twenty have.
    assert.ok(refused.length >= 10 && refused.length <= 20, `${refused.length} were refused`);
    assert.deepEqual(await database.run("SELECT 1 AS one", []), [{ one: 1 }]);
    await database.close();
  },
);

testPooled("a pooler's sessions are given back as they were", async ({ createDatabase }) => {
  const url = await createDatabase();
  const database = await openImpatient(url);
  const [row] = await database.run("SHOW statement_timeout", []);
  assert.equal(row?.statement_timeout, "500ms");
  const { default: postgres } = await import("postgres");
  // Gets the only session there is so far.
  const other = postgres(url, { prepare: false });
  assert.equal((await other.unsafe("SHOW statement_timeout"))[0]?.statement_timeout, "0");
  await other.end();
  await database.close();
});

testPostgres("a transaction that loses a deadlock is run again", async ({ createDatabase }) => {
  const url = await createDatabase();
  // PostgreSQL looks for deadlocks after a second, so this one needs the usual patience.
  const { openPostgres } = await import("../../lib/store/postgres.ts");
  const database = openPostgres(url);
  await database.run("CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)", []);
  await database.run("INSERT INTO counters VALUES ('a', 0), ('b', 0)", []);
  const add = (first: string, second: string) =>
    database.batch([
      ["UPDATE counters SET value = value + 1 WHERE name = $1", [first]],
      ["SELECT pg_sleep(0.1)", []],
      ["UPDATE counters SET value = value + 1 WHERE name = $1", [second]],
    ]);
  await Promise.all([add("a", "b"), add("b", "a")]);
  assert.deepEqual(await database.run("SELECT value FROM counters", []), [
    { value: 2 },
    { value: 2 },
  ]);
  await database.close();
});

for (const behaviour of ["silent", "closing"] as const) {
  testPostgres(
    `a ${behaviour} server is given up, and found again when it is back`,
    async (server) => {
      const proxy = startProxy(Number(new URL(await server.createDatabase()).port));
      const url = new URL(await server.createDatabase());
      url.port = String(proxy.port);
      const database = await openImpatient(url.href);
      const ask = () => database.run("SELECT 1 AS one", []);
      assert.deepEqual(await ask(), [{ one: 1 }]);
      proxy.behave(behaviour);
      const answers = await Promise.allSettled(Array.from({ length: 20 }, ask));
      for (const answer of answers) {
        assert.ok(answer.status === "rejected" && isUnavailable(answer.reason));
      }
      proxy.behave("passing");
      assert.deepEqual(await askUntilAnswered(ask), [{ one: 1 }]);
      await database.close();
      await proxy.stop();
    },
  );
}

/** Asks again while the database is unavailable, as a client told to retry would. */
async function askUntilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      // A busy machine may need longer to connect than this impatient pool waits.
      if (!isUnavailable(error)) throw error;
    }
  }
}

/** Stands between client and server and can stop passing on what they say. */
function startProxy(target: number) {
  let behaviour: "passing" | "silent" | "closing" = "passing";
  const open = new Set<Deno.TcpConn>();
  const close = (connection: Deno.TcpConn) => {
    if (open.delete(connection)) connection.close();
  };
  const pump = async (from: Deno.TcpConn, to: Deno.TcpConn) => {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const length = await from.read(buffer);
        if (length === null) break;
        if (behaviour === "closing") break;
        if (behaviour === "passing") await to.write(buffer.subarray(0, length));
      }
    } catch (error) {
      // Closed by the other direction.
      if (!(error instanceof Error)) throw error;
    }
    close(from);
    close(to);
  };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const running = (async () => {
    const pumps: Promise<void>[] = [];
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
      open.add(client).add(server);
      pumps.push(pump(client, server), pump(server, client));
    }
    await Promise.all(pumps);
  })();
  return {
    port: listener.addr.port,
    behave: (next: typeof behaviour) => {
      behaviour = next;
    },
    async stop() {
      listener.close();
      for (const connection of [...open]) close(connection);
      await running;
    },
  };
}

testPostgres(
  "a database that cannot be used is a settings problem without the password",
  async ({ createDatabase }) => {
    const url = await createDatabase();
    const change = (work: (url: URL) => void) => {
      const changed = new URL(url);
      changed.password = "hunter2";
      work(changed);
      return changed.href;
    };
    const cases: [string, RegExp][] = [
      [change(() => {}), /password authentication failed/],
      [change((url) => url.port = String(findFreePort())), /ECONNREFUSED/],
      [change((url) => url.hostname = "database.invalid"), /ENOTFOUND|EAI_AGAIN/],
      [url.replace(/test_\d+$/, "absent"), /database "absent" does not exist/],
      [change((url) => url.username = ""), /names no user/],
    ];
    for (const [url, reason] of cases) {
      await assert.rejects(openStore({ kind: "postgres", url }), (error) => {
        assert.ok(error instanceof SettingsError);
        assert.match(error.message, /^STORE_URL/);
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /hunter2|secret/);
        return true;
      });
    }
  },
);

testPostgres(
  "a database of a newer version is refused with a clear message",
  async ({ createDatabase }) => {
    const url = await createDatabase();
    await (await openStore({ kind: "postgres", url })).close();
    const { openPostgres } = await import("../../lib/store/postgres.ts");
    const database = openPostgres(url);
    await database.run("INSERT INTO schema_version (version) VALUES ($1)", [99]);
    await database.close();
    await assert.rejects(openStore({ kind: "postgres", url }), /newer version of this server/);
  },
);

testPostgres(
  "50 parallel refreshes on each of two replicas get the same tokens",
  async ({ createDatabase }) => {
    const url = await createDatabase();
    const stores = await Promise.all([1, 2].map(() => openStore({ kind: "postgres", url })));
    const [here, there] = stores;
    assert.ok(here && there);
    const first = await createWorld({ store: here });
    const second = await createWorld({ store: there, emulator: first.emulator });
    const { tokens, clientId } = await signIn(first);
    for (const world of [first, second]) {
      world.advance(6 * 60_000);
      world.upstreamCalls.length = 0;
    }
    const refresh = async (world: World) => {
      const response = await post(world, "/token", {
        grant_type: "refresh_token",
        client_id: clientId,
        refresh_token: tokens.refresh_token,
      });
      assert.equal(response.status, 200);
      return await response.json();
    };
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => refresh(index % 2 ? first : second)),
    );
    assert.equal(new Set(answers.map(({ refresh_token }) => refresh_token)).size, 1);
    assert.equal(new Set(answers.map(({ access_token }) => access_token)).size, 1);
    const asked = [...first.upstreamCalls, ...second.upstreamCalls];
    assert.equal(asked.filter((call) => call === "POST /user_management/authenticate").length, 1);
    for (const world of [first, second]) {
      assert.equal((await callTool(world, answers[0].access_token, "whoami")).status, 200);
    }
    for (const store of stores) await store.close();
  },
);
