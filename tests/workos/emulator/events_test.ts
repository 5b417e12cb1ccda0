import assert from "node:assert/strict";
import { get, list, summarize } from "./events_support.ts";
import { ORIGIN, signIn, startEmulator } from "./support.ts";

Deno.test("the people an emulator starts with are no news", async () => {
  assert.deepEqual(await list(startEmulator().emulator), []);
});

Deno.test("an event is shaped like WorkOS's, and shows the object as it was then", async () => {
  const { emulator, advance } = startEmulator();
  emulator.directory.setRole("user_bob", "org_acme", "admin");
  advance(1000);
  emulator.directory.memberships.setStatus("om_bob_acme", "inactive");
  const { object, data } = await (await get(emulator, "events=organization_membership.updated"))
    .json();
  assert.equal(object, "list");
  assert.match(data[0].id, /^event_[0-9A-Z]{26}$/);
  assert.deepEqual(data[0], {
    object: "event",
    id: data[0].id,
    event: "organization_membership.updated",
    data: {
      object: "organization_membership",
      id: "om_bob_acme",
      user_id: "user_bob",
      organization_id: "org_acme",
      organization_name: "Acme",
      status: "active",
      directory_managed: false,
      role: { slug: "admin" },
      roles: [{ slug: "admin" }],
      created_at: "2026-01-01T00:00:00.000Z",
      updated_at: "2026-01-01T00:00:00.000Z",
    },
    created_at: "2026-01-01T00:00:00.000Z",
  });
  assert.partialDeepStrictEqual(data[1], {
    data: { status: "inactive", updated_at: "2026-01-01T00:00:01.000Z" },
    created_at: "2026-01-01T00:00:01.000Z",
  });
});

Deno.test("users cause events when they come, change and go", async () => {
  const { emulator } = startEmulator();
  const { directory } = emulator;
  directory.addUser({ id: "user_faye", email: "faye@acme.test", firstName: "Faye", lastName: "F" });
  directory.updateUser("user_faye", { email: "faye@new.test", lastName: "Ford" });
  directory.addMembership("user_faye", "org_acme", "member");
  const { refresh_token } = await signIn(emulator, "faye@new.test");
  directory.deleteUser("user_faye");
  const events = await list(emulator);
  const sessionId = refresh_token.split(".")[0];
  assert.deepEqual(summarize(events), [
    "user.created user_faye",
    "user.updated user_faye",
    "organization_membership.created om_faye_acme",
    `session.created ${sessionId}`,
    "organization_membership.deleted om_faye_acme",
    `session.revoked ${sessionId}`,
    "user.deleted user_faye",
  ]);
  assert.partialDeepStrictEqual(events[1]?.data, { email: "faye@new.test", name: "Faye Ford" });
  assert.partialDeepStrictEqual(events[3]?.data, {
    userId: "user_faye",
    organizationId: "org_acme",
    status: "active",
    authMethod: "password",
  });
  assert.partialDeepStrictEqual(events[5]?.data, { status: "revoked" });
});

Deno.test("members cause events when they come, change and go", async () => {
  const { emulator } = startEmulator();
  const { directory } = emulator;
  directory.addMembership("user_dave", "org_globex", "member");
  directory.setRole("user_dave", "org_globex", "admin", "member");
  directory.deactivateMembership("user_dave", "org_globex");
  directory.deactivateMembership("user_dave", "org_globex");
  directory.addMembership("user_dave", "org_globex", "member");
  directory.removeMembership("user_dave", "org_globex");
  const events = await list(emulator);
  assert.deepEqual(summarize(events), [
    "organization_membership.created om_dave_globex",
    "organization_membership.updated om_dave_globex",
    "organization_membership.updated om_dave_globex",
    "organization_membership.updated om_dave_globex",
    "organization_membership.deleted om_dave_globex",
  ]);
  assert.deepEqual(
    events.map(({ data }) => "status" in data && data.status),
    ["active", "active", "inactive", "active", "active"],
  );
});

Deno.test("an organization takes its memberships and connections with it", async () => {
  const { emulator } = startEmulator();
  const { directory } = emulator;
  directory.addOrganization("org_new", "New");
  directory.addConnection({
    id: "conn_new",
    organizationId: "org_new",
    name: "New SSO",
    userIds: [],
  });
  directory.deleteOrganization("org_acme");
  assert.deepEqual(summarize(await list(emulator)), [
    "organization.created org_new",
    "organization_membership.deleted om_alice_acme",
    "organization_membership.deleted om_bob_acme",
    "organization_membership.deleted om_carol_acme",
    "organization_membership.deleted om_erin_acme",
    "organization.deleted org_acme",
  ]);
  assert.deepEqual(directory.connections.list().map(({ id }) => id), ["conn_new"]);
  assert.equal(directory.listActiveMemberships("user_carol").length, 1);
});

Deno.test("a session that ends, ends once", async () => {
  const { emulator } = startEmulator();
  const sessionId = (await signIn(emulator, "alice@acme.test")).refresh_token.split(".")[0] ?? "";
  emulator.directory.revokeSession(sessionId);
  emulator.directory.revokeSession(sessionId);
  await emulator.fetch(
    new Request(`${ORIGIN}/user_management/sessions/logout?session_id=${sessionId}`),
  );
  assert.deepEqual(summarize(await list(emulator)), [
    `session.created ${sessionId}`,
    `session.revoked ${sessionId}`,
  ]);
});

Deno.test("ids keep their order through a clock set back, and the log forgets the oldest", () => {
  const { emulator: { directory, events }, advance } = startEmulator();
  for (let count = 0; count < 10_001; count++) {
    directory.updateUser("user_bob", { firstName: `Bob ${count}` });
    if (count === 5000) advance(-1000);
  }
  const ids = events.list().map(({ id }) => id);
  assert.equal(ids.length, 10_000);
  assert.deepEqual(ids, ids.toSorted());
  assert.equal(new Set(ids).size, 10_000);
  assert.partialDeepStrictEqual(events.list()[0]?.data, { first_name: "Bob 1" });
});
