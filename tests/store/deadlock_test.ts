/** Changes of many grants by several replicas at once: PostgreSQL has nobody to give up. */

import assert from "node:assert/strict";
import { openPostgres } from "../../lib/store/postgres.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { usePostgres } from "../support/postgres.ts";
import { buildCode, buildGrant } from "./rows.ts";

const { testPostgres } = usePostgres();

const GRANTS = 300;
const ROUNDS = 10;

testPostgres(
  "renewals of a whole organization by three replicas do not lock each other out",
  async ({ createDatabase }) => {
    const url = await createDatabase();
    const stores = [];
    for (let i = 0; i < 3; i++) stores.push(await createSqlStore(openPostgres(url)));
    for (let i = 0; i < GRANTS; i++) {
      const id = `grant${(i * 37) % GRANTS}`;
      const row = { userId: `user_${i % 50}`, organizationId: "org_1", sessionId: `s${i}` };
      await stores[0]?.insertGrant({ ...buildGrant(id), ...row }, buildCode(`code${i}`));
    }
    await Promise.all(stores.flatMap((store) => [
      ...[1, 2].map(async () => {
        for (let round = 0; round < ROUNDS; round++) {
          await store.markStale({ organizationId: "org_1" });
        }
      }),
      // What requests do meanwhile, which makes them not stale again.
      (async () => {
        for (let i = 0; i < 50; i++) {
          const reservation = { grantId: `grant${i}`, version: 1, owner: "a" };
          await store.acquireRenewal({ ...reservation, now: i, until: i + 1 });
        }
      })(),
    ]));
    // What a connection has counted is there when it is closed.
    for (const store of stores) await store.close();
    const database = openPostgres(url);
    const [row] = await database.run(
      "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
      [],
    );
    await database.close();
    assert.equal(Number(row?.deadlocks), 0);
  },
);
