/** Server processes that are killed in the middle of a sign-in. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { SqlDatabase } from "../../lib/store/sql_database.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { testNeeding } from "../support/needs.ts";
import { usePostgres } from "../support/postgres.ts";
import { type ServerGroup, withServers } from "../support/server_group.ts";
import { PROCESS_NEEDS } from "../support/server_process.ts";
import { MOMENTS, ping, type SignedIn, signInByStep } from "../support/sign_in_steps.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { SERVER } from "../support/world.ts";

const { testPostgres } = usePostgres();

/** Registers a test with two servers on PostgreSQL, and one with a single server on SQLite. */
function testGroups(
  name: (which: string) => string,
  work: (group: ServerGroup, database: SqlDatabase) => Promise<void>,
): void {
  const run = (storeUrl: string, count: number, open: () => Promise<SqlDatabase> | SqlDatabase) =>
    withServers({ storeUrl, count }, async (group) => {
      // They make the tables.
      await group.fetch(new Request(`${SERVER}/healthz`));
      const database = await open();
      try {
        await work(group, database);
      } finally {
        await database.close();
      }
    });
  testPostgres(name("one of two servers"), async ({ createDatabase }) => {
    const url = await createDatabase();
    await run(url, 2, async () => {
      // Imported here: it looks into the environment when it is used.
      const { openPostgres } = await import("../../lib/store/postgres.ts");
      return openPostgres(url);
    });
  });
  testNeeding(PROCESS_NEEDS, name("the only server"), () =>
    withTempDirectory(async (directory) => {
      const path = join(directory, "store.db");
      await run(`sqlite:${path}`, 1, () => openSqlite(path));
    }));
}

async function countGrants(database: SqlDatabase): Promise<number> {
  return (await database.run("SELECT id FROM grants", [])).length;
}

/**
 * Stops the server that was asked last. The only one is back at once; one of several stays away
 * until the function that is returned brings it back.
 */
async function strike(group: ServerGroup, signal: Deno.Signal): Promise<() => Promise<void>> {
  const server = group.last();
  if (group.servers.length === 1) {
    await server.restart(signal);
    return async () => {};
  }
  await server.stop(signal);
  return () => server.restart(signal);
}

testGroups(
  (which) => `a sign-in survives that ${which} is killed after any of its steps`,
  async (group, database) => {
    const kills: [moment: number, signal: Deno.Signal][] = Array.from(
      { length: MOMENTS },
      (_, moment) => [moment, "SIGKILL"],
    );
    const signedIn: SignedIn[] = [];
    for (const [killed, signal] of [...kills, [3, "SIGTERM"] as const]) {
      let revive = async () => {};
      signedIn.push(
        await signInByStep(group.fetch, async (moment) => {
          if (moment === killed) revive = await strike(group, signal);
        }),
      );
      await revive();
    }
    assert.equal(await countGrants(database), signedIn.length, "none is lost, none is doubled");
    assert.equal(group.workos.exchanges, signedIn.length);
    for (const { tokens } of signedIn) {
      assert.equal((await ping(group.fetch, tokens.access_token)).status, 200);
    }
  },
);

testGroups(
  (which) => `a sign-in can be begun again when ${which} is killed while it asks WorkOS`,
  async (group, database) => {
    group.workos.intercept = async (exchange) => {
      delete group.workos.intercept;
      await strike(group, "SIGKILL");
      return await exchange();
    };
    // Whoever is asked next knows that this sign-in is over, and says what to do.
    await assert.rejects(signInByStep(group.fetch), /\/auth\/callback says/);
    assert.equal(await countGrants(database), 0);
    await signInByStep(group.fetch);
    assert.equal(await countGrants(database), 1);
  },
);
