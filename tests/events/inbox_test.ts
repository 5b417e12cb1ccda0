/** Events between their answer and their effect: what goes wrong there loses none. */

import assert from "node:assert/strict";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";
import {
  buildEvent,
  createWebhookWorld,
  deliver,
  listAdmitted,
  listRenewed,
  postWebhook,
} from "./support.ts";

const LEASE = 30_000;

function leaveDirectory(world: World): Record<string, unknown> {
  return buildEvent(world, "dsync.user.deleted", {
    id: "directory_user_1",
    organization_id: "org_acme",
    state: "inactive",
    email: "alice@acme.test",
  });
}

Deno.test("what WorkOS has to be asked for, and does not answer, is tried again", async () => {
  const world = await createWebhookWorld();
  const { tokens } = await signIn(world);
  const isIn = async () => (await callTool(world, tokens.access_token, "whoami")).status === 200;
  world.faults.workos = () => new Response(null, { status: 503 });
  await deliver(world, leaveDirectory(world));
  assert.ok(await isIn());
  assert.ok(world.logs.some((line) => line.includes("event_delayed")));
  world.faults.workos = undefined;
  await world.app.handleEvents();
  assert.ok(await isIn(), "it is somebody's until their time is up");
  world.advance(LEASE);
  await world.app.handleEvents();
  assert.equal(await isIn(), false);
});

Deno.test("one event that cannot be handled does not hold up the others", async () => {
  const world = await createWebhookWorld();
  const alice = (await signIn(world)).tokens.access_token;
  const bob = (await signIn(world, { email: "bob@acme.test" })).tokens.access_token;
  world.faults.workos = (request) =>
    request.url.includes("/users") ? new Response(null, { status: 503 }) : undefined;
  await deliver(world, leaveDirectory(world));
  await deliver(world, buildEvent(world, "user.deleted", { id: "user_bob" }));
  assert.deepEqual(await listAdmitted(world, { alice, bob }), ["alice"]);
});

Deno.test("an event whose server died after its answer is handled by another replica", async () => {
  const store = await createSqlStore(openSqlite(":memory:"));
  const dying = await createWebhookWorld({ store });
  const { tokens } = await signIn(dying);
  // It keeps the event, and takes it, and is gone.
  const { takeChanges } = store;
  store.takeChanges = async (request) => {
    await takeChanges(request);
    return [];
  };
  await deliver(dying, buildEvent(dying, "user.deleted", { id: "user_alice" }));
  store.takeChanges = takeChanges;

  const other = await createWebhookWorld({ store, emulator: dying.emulator });
  await other.app.handleEvents();
  assert.equal((await callTool(other, tokens.access_token, "whoami")).status, 200);
  other.advance(LEASE);
  await other.app.handleEvents();
  assert.equal((await callTool(other, tokens.access_token, "whoami")).status, 401);
});

Deno.test("what happens by one replica is seen by the other with its next request", async () => {
  const store = await createSqlStore(openSqlite(":memory:"));
  const one = await createWebhookWorld({ store });
  const other = await createWebhookWorld({ store, emulator: one.emulator });
  const alice = (await signIn(other)).tokens.access_token;
  const bob = (await signIn(other, { email: "bob@acme.test" })).tokens.access_token;
  assert.deepEqual(await listAdmitted(other, { alice, bob }), ["alice", "bob"]);
  await deliver(one, buildEvent(one, "user.deleted", { id: "user_alice" }));
  await deliver(one, buildEvent(one, "user.updated", { id: "user_bob" }));
  assert.deepEqual(await listRenewed(other, { bob }), ["bob"]);
  assert.deepEqual(await listAdmitted(other, { alice, bob }), ["bob"]);
});

Deno.test("a hundred events at once are each handled once", async () => {
  const store = await createSqlStore(openSqlite(":memory:"));
  const worlds = [await createWebhookWorld({ store }), await createWebhookWorld({ store })];
  const event = (world: World) => buildEvent(world, "session.revoked", { id: "session_x" });
  await Promise.all(
    Array.from({ length: 50 }).flatMap(() => worlds.map((world) => deliver(world, event(world)))),
  );
  const handled = worlds.flatMap(({ logs }) => logs)
    .filter((line) => line.includes("event_handled"));
  assert.equal(handled.length, 100);
});

Deno.test("nothing of a person can be read from an event that waits", async () => {
  const database = openSqlite(":memory:");
  const world = await createWebhookWorld({ store: await createSqlStore(database) });
  world.faults.workos = () => new Response(null, { status: 503 });
  await deliver(world, leaveDirectory(world));
  const rows = await database.run("SELECT * FROM changes", []);
  assert.equal(rows.length, 1);
  assert.doesNotMatch(JSON.stringify(rows), /alice|acme|dsync/);
  world.faults.workos = undefined;
  world.advance(LEASE);
  await world.app.handleEvents();
  const [row] = await database.run("SELECT change FROM changes", []);
  assert.equal(row?.change, "", "and nothing at all is left of it then");
});

Deno.test("what was kept under another secret is reported once, and left to who has it", async () => {
  const store = await createSqlStore(openSqlite(":memory:"));
  const before = await createWebhookWorld({ store });
  before.faults.workos = () => new Response(null, { status: 503 });
  await deliver(before, leaveDirectory(before));
  const after = await createWorld({ store, env: { WORKOS_WEBHOOK_SECRET: "whsec_new" } });
  after.advance(LEASE);
  await after.app.handleEvents();
  assert.ok(after.logs.some((line) => line.includes("event_unreadable")));
  after.advance(LEASE);
  await after.app.handleEvents();
  assert.equal(after.logs.filter((line) => line.includes("event_unreadable")).length, 1);
  // A replica that was not told yet, or one that is told the old secret again.
  before.faults.workos = undefined;
  before.advance(4 * LEASE);
  await before.app.handleEvents();
  assert.ok(before.logs.some((line) => line.includes("event_handled")));
});

Deno.test("an event does not wait for another one that WorkOS keeps waiting", async () => {
  const world = await createWebhookWorld();
  const { tokens } = await signIn(world);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  world.faults.workos = async (request) => {
    if (!request.url.includes("/users")) return undefined;
    asked.resolve();
    await answer.promise;
    return undefined;
  };
  const slow = buildEvent(world, "dsync.user.deleted", {
    organization_id: "org_acme",
    state: "inactive",
    email: "bob@acme.test",
  });
  await postWebhook(world, JSON.stringify(slow));
  await asked.promise;
  const fast = buildEvent(world, "user.deleted", { id: "user_alice" });
  await postWebhook(world, JSON.stringify(fast));
  const alice = { alice: tokens.access_token };
  while ((await listAdmitted(world, alice)).length > 0) await new Promise(setImmediate);
  answer.resolve();
  await world.app.handleEvents();
});
