/** Writes to SQLite that share a commit. */

import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import type { SqlDatabase } from "../../lib/store/sql_database.ts";
import { join } from "node:path";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

const CREATE = "CREATE TABLE names (name TEXT PRIMARY KEY)";
const INSERT = "INSERT INTO names VALUES ($1)";

async function readNames(database: SqlDatabase): Promise<unknown[]> {
  return (await database.run("SELECT name FROM names ORDER BY name", [])).map(({ name }) => name);
}

Deno.test("a write that fails takes no other along, and a batch fails as a whole", async () => {
  const database = openSqlite(":memory:");
  await database.run(CREATE, []);
  const answers = await Promise.allSettled([
    database.run(INSERT, ["a"]),
    database.run(INSERT, ["a"]),
    database.batch([[INSERT, ["b"]], [INSERT, ["a"]]]),
    database.batch([[INSERT, ["c"]], [INSERT, ["d"]]]),
  ]);
  assert.deepEqual(answers.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "rejected",
    "fulfilled",
  ]);
  assert.deepEqual(await readNames(database), ["a", "c", "d"]);
  await database.close();
});

Deno.test("what was asked for before closing is written", async () => {
  const database = openSqlite(":memory:");
  await database.run(CREATE, []);
  const written = database.run(INSERT, ["a"]);
  await database.close();
  await written;
});

testNeeding(
  { read: true, write: true },
  "writes asked for together are seen by others together, and fail together while one has the lock",
  () =>
    withTempDirectory(async (directory) => {
      const path = join(directory, "names.db");
      const database = openSqlite(path);
      const other = openSqlite(path);
      await database.run(CREATE, []);
      const seen: number[] = [];
      const writes = Array.from({ length: 50 }, async (_, index) => {
        await database.run(INSERT, [String(index)]);
        seen.push((await readNames(other)).length);
      });
      await Promise.all(writes);
      assert.deepEqual(new Set(seen), new Set([50]));

      await database.run("PRAGMA busy_timeout = 1", []);
      await other.exclusive(async () => {
        const answers = await Promise.allSettled([
          database.run(INSERT, ["x"]),
          database.batch([[INSERT, ["y"]]]),
        ]);
        for (const answer of answers) {
          assert.ok(answer.status === "rejected" && answer.reason instanceof UnavailableError);
        }
      });
      await database.run(INSERT, ["x"]);
      assert.equal((await readNames(other)).length, 51);
      await database.close();
      await other.close();
    }),
);
