import assert from "node:assert/strict";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { buildCode, buildGrant } from "./rows.ts";

Deno.test("a database of the first version is brought up to date, and its grants, for nobody knows what, end", async () => {
  const database = openSqlite(":memory:");
  const current = await createSqlStore(database);
  const grant = { ...buildGrant(), approvedScope: "openid members:read" };
  await current.insertGrant(grant, buildCode());
  await database.run("ALTER TABLE grants DROP COLUMN approved_scope", []);
  for (const column of ["resource", "permissions", "stale"]) {
    await database.run(`ALTER TABLE grants DROP COLUMN ${column}`, []);
  }
  await database.run("DROP TABLE changes", []);
  await database.run("DROP TABLE leases", []);
  await database.run("DELETE FROM schema_version WHERE version > 1", []);

  const migrated = await createSqlStore(database);
  assert.equal(await migrated.findGrant("grant"), undefined);
  await migrated.insertGrant(grant, buildCode());
  assert.deepEqual(await migrated.findGrant("grant"), grant);
  await migrated.close();
});
