/** What somebody gains who may write into the database: nothing of anybody else. */

import assert from "node:assert/strict";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

async function prepare() {
  const database = openSqlite(":memory:");
  const world = await createWorld({ store: await createSqlStore(database) });
  const alice = await signIn(world, { email: "alice@acme.test" });
  const bob = await signIn(world, { email: "bob@acme.test" });
  return { world, database, alice, bob };
}

// CVE-2025-69872: what was read from the cache on disk could run as code. Here it is JSON that is
// authenticated first, as belonging to this very row.
Deno.test("a stored session that was changed or moved is nobody's", async () => {
  const { world, database, alice, bob } = await prepare();
  const [row] = await database.run(
    "SELECT sealed_session FROM grants WHERE user_id = $1",
    ["user_alice"],
  );
  const sealed = String(row?.sealed_session);
  const flipped = `${sealed.slice(0, 40)}${sealed[40] === "A" ? "B" : "A"}${sealed.slice(41)}`;
  for (const stored of [sealed, flipped, "", "{}", "gASVJAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU"]) {
    await database.run("UPDATE grants SET sealed_session = $1 WHERE user_id = $2", [
      stored,
      "user_bob",
    ]);
    const answer = await (await callTool(world, bob.tokens.access_token, "whoami")).text();
    assert.doesNotMatch(answer, /alice/);
    assert.doesNotMatch(answer, /"user_id"/);
  }
  world.advance(6 * 60_000);
  assert.equal((await callTool(world, bob.tokens.access_token, "whoami")).status, 401);
  assert.equal((await callTool(world, alice.tokens.access_token, "whoami")).status, 200);
});

Deno.test("a token that was moved to another grant opens neither", async () => {
  const { world, database, alice, bob } = await prepare();
  await database.run(
    `UPDATE access_tokens SET grant_id = (SELECT id FROM grants WHERE user_id = $1)
     WHERE grant_id = (SELECT id FROM grants WHERE user_id = $2)`,
    ["user_alice", "user_bob"],
  );
  const answer = await (await callTool(world, bob.tokens.access_token, "whoami")).text();
  assert.doesNotMatch(answer, /alice@|"user_id"/);
  assert.equal((await callTool(world, alice.tokens.access_token, "whoami")).status, 200);
});
