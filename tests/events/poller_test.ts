/** Events fetched from WorkOS, for a server that WorkOS cannot reach. */

import assert from "node:assert/strict";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, SERVER, type World, type WorldOptions } from "../support/world.ts";

const LEASE = 60_000;

function createPollingWorld(options: WorldOptions = {}): Promise<World> {
  return createWorld({ ...options, env: { WORKOS_EVENTS: "poll" } });
}

/** Two servers on one store and one WorkOS. */
async function createReplicas(): Promise<[World, World]> {
  const store = await createSqlStore(openSqlite(":memory:"));
  const one = await createPollingWorld({ store });
  return [one, await createPollingWorld({ store, emulator: one.emulator })];
}

function countPolls({ upstreamCalls }: World): number {
  return upstreamCalls.filter((call) => call === "GET /events").length;
}

async function isIn(world: World, token: string): Promise<boolean> {
  return (await callTool(world, token, "whoami")).status === 200;
}

Deno.test("who loses access at WorkOS loses it with the next look there", async () => {
  const world = await createPollingWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  await world.app.handleEvents();
  assert.ok(await isIn(world, token));
  world.emulator.directory.deactivateMembership("user_alice", "org_acme");
  assert.ok(await isIn(world, token), "nobody has looked yet");
  await world.app.handleEvents();
  assert.equal(await isIn(world, token), false);
});

Deno.test("each event is handled once, however many there are", async () => {
  const world = await createPollingWorld();
  const { directory } = world.emulator;
  for (let i = 0; i < 250; i++) {
    directory.setRole("user_bob", "org_acme", i % 2 ? "admin" : "member");
  }
  await Promise.all([world.app.handleEvents(), world.app.handleEvents()]);
  assert.equal(countPolls(world), 3);
  await world.app.handleEvents();
  const handled = world.logs.filter((line) => line.includes("event_handled"));
  assert.equal(handled.length, 250);
});

Deno.test("one replica looks at a time, and another goes on where it died", async () => {
  const [one, other] = await createReplicas();
  const { directory } = one.emulator;
  directory.setRole("user_bob", "org_acme", "admin");
  await Promise.all([one.app.handleEvents(), other.app.handleEvents()]);
  assert.ok(countPolls(one) > 0);
  assert.equal(countPolls(other), 0);
  assert.ok(!other.logs.some((line) => line.includes("internal_error")));
  const { tokens: { access_token: token } } = await signIn(other);
  directory.deleteUser("user_alice");
  other.advance(LEASE);
  await other.app.handleEvents();
  const handled = other.logs.filter((line) => line.includes("event_handled"));
  const names = handled.map((line) => JSON.parse(line).properties.name);
  assert.deepEqual(names.toSorted(), [
    "organization_membership.deleted",
    "session.revoked",
    "user.deleted",
  ], "what the first had handled is not handled again");
  assert.equal(await isIn(one, token), false);
});

Deno.test("while WorkOS does not answer nothing is lost", async () => {
  const world = await createPollingWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  world.emulator.directory.deleteUser("user_alice");
  for (
    const answer of [
      () => new Response(null, { status: 503 }),
      () => new Response("<html>", { status: 200 }),
      () => Response.json({ data: "none" }),
    ]
  ) {
    world.faults.workos = (request) => request.url.includes("/events") ? answer() : undefined;
    await world.app.handleEvents();
    assert.ok(await isIn(world, token));
  }
  world.faults.workos = undefined;
  await world.app.handleEvents();
  assert.equal(await isIn(world, token), false);
});

Deno.test("a refused API key is logged under its own code, which the alert knows", async () => {
  const world = await createPollingWorld();
  world.faults.workos = () => Response.json({ message: "Unauthorized" }, { status: 401 });
  await world.app.handleEvents();
  const errors = world.logs.map((line) => JSON.parse(line)).filter(({ level }) =>
    level === "ERROR"
  );
  assert.deepEqual(errors.map(({ message }) => message), ["invalid_api_key"]);
  assert.match(errors[0].properties.message, /WORKOS_API_KEY/);
});

Deno.test("an event that cannot be handled yet is fetched again", async () => {
  const world = await createPollingWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  const { directory } = world.emulator;
  const { id } = directory.sync.activate(directory.getOrganization("org_acme"));
  const user = directory.sync.addUser(id, { email: "alice@acme.test" });
  directory.sync.updateUser(user.id, { state: "inactive" });
  world.faults.workos = (request) =>
    request.url.includes("/user_management/users?")
      ? new Response(null, { status: 503 })
      : undefined;
  await world.app.handleEvents();
  assert.ok(await isIn(world, token));
  world.faults.workos = undefined;
  await world.app.handleEvents();
  assert.equal(await isIn(world, token), false);
});

Deno.test("an address that WorkOS does not take keeps nobody else's event waiting", async () => {
  const world = await createPollingWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  const { directory } = world.emulator;
  const { id } = directory.sync.activate(directory.getOrganization("org_globex"));
  directory.sync.deleteUser(directory.sync.addUser(id, { email: "no address" }).id);
  directory.deleteUser("user_alice");
  world.faults.workos = (request) =>
    request.url.includes("/user_management/users?")
      ? Response.json({ code: "invalid_request_parameters", message: "x" }, { status: 422 })
      : undefined;
  await world.app.handleEvents();
  assert.equal(await isIn(world, token), false);
  assert.ok(world.logs.some((line) => line.includes("person_not_found")));
});

Deno.test("events that take long are handled by one replica, and each once", async () => {
  const [one, other] = await createReplicas();
  const { directory } = one.emulator;
  const { id } = directory.sync.activate(directory.getOrganization("org_acme"));
  for (let i = 0; i < 8; i++) {
    directory.sync.deleteUser(directory.sync.addUser(id, { email: `${i}@acme.test` }).id);
  }
  for (const world of [one, other]) {
    world.faults.workos = async (request) => {
      if (!request.url.includes("/user_management/users?")) return undefined;
      for (const { advance } of [one, other]) advance(LEASE - 1);
      await (world === one ? other : one).app.handleEvents();
      return undefined;
    };
  }
  await one.app.handleEvents();
  const count = (world: World) =>
    world.logs.filter((line) => line.includes("event_handled")).length;
  // The directory, and who left it; that somebody was added means nothing.
  assert.deepEqual([count(one), count(other)], [9, 0]);
});

Deno.test("a place that WorkOS does not know any more is given up for the last hour", async () => {
  const world = await createPollingWorld();
  world.emulator.directory.setRole("user_bob", "org_acme", "admin");
  await world.app.handleEvents();
  const { tokens: { access_token: token } } = await signIn(world);
  world.emulator.directory.deleteUser("user_alice");
  world.faults.workos = (request) =>
    request.url.includes("after=") ? Response.json({ code: "x" }, { status: 404 }) : undefined;
  await world.app.handleEvents();
  assert.equal(await isIn(world, token), false);
  assert.ok(world.logs.some((line) => line.includes("event_cursor_lost")));
});

Deno.test("what is no event is passed over", async () => {
  const world = await createPollingWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  world.emulator.directory.deleteUser("user_alice");
  const [event] = world.emulator.events.list().toReversed();
  world.faults.workos = (request) =>
    request.url.includes("/events")
      ? Response.json({ object: "list", data: [null, { id: 1 }, event], list_metadata: {} })
      : undefined;
  await world.app.handleEvents();
  world.faults.workos = undefined;
  assert.ok(world.logs.some((line) => line.includes("event_refused")));
  assert.equal(typeof token, "string");
});

Deno.test("who polls has no webhook", async () => {
  const world = await createPollingWorld();
  const response = await world.fetch(`${SERVER}/webhooks/workos`, { method: "POST" });
  assert.equal(response.status, 404);
});
