import assert from "node:assert/strict";
import type { Event } from "@workos-inc/node";
import type { Emulator } from "../../../lib/workos/emulator/emulator.ts";
import { createSdk, startEmulator } from "./support.ts";

async function list(emulator: Emulator, organizationId = "org_acme"): Promise<Event[]> {
  const { data } = await createSdk(emulator).events.listEvents({
    events: [
      "dsync.activated",
      "dsync.deleted",
      "dsync.user.created",
      "dsync.user.updated",
      "dsync.user.deleted",
      "dsync.group.created",
      "dsync.group.user_added",
      "dsync.group.user_removed",
      "dsync.group.deleted",
      "organization_membership.updated",
      "organization_membership.deleted",
      "session.revoked",
    ],
    limit: 100,
    organizationId,
  });
  return data;
}

function startSync() {
  const { emulator, advance } = startEmulator();
  const { sync } = emulator.directory;
  const directory = sync.activate(emulator.directory.getOrganization("org_acme"));
  const bob = sync.addUser(directory.id, { email: "bob@acme.test", first_name: "Bob" });
  return { emulator, advance, sync, directory, bob };
}

Deno.test("a directory says who comes, changes and goes", async () => {
  const { emulator, advance, sync, directory, bob } = startSync();
  advance(1000);
  sync.updateUser(bob.id, { state: "inactive" });
  sync.deleteUser(bob.id);
  const events = await list(emulator);
  assert.deepEqual(events.map(({ event }) => event), [
    "dsync.activated",
    "dsync.user.created",
    "dsync.user.updated",
    "dsync.user.deleted",
  ]);
  assert.partialDeepStrictEqual(events[0]?.data, {
    object: "directory",
    id: directory.id,
    type: "generic scim v2.0",
    state: "active",
    name: "Acme Directory",
    organizationId: "org_acme",
    domains: [],
  });
  assert.partialDeepStrictEqual(events[1]?.data, {
    object: "directory_user",
    id: bob.id,
    directoryId: directory.id,
    organizationId: "org_acme",
    email: "bob@acme.test",
    firstName: "Bob",
    lastName: null,
    state: "active",
  });
  assert.partialDeepStrictEqual(events[2]?.data, {
    state: "inactive",
    previousAttributes: { state: "active" },
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:01.000Z",
  });
});

Deno.test("an address in a directory is in both forms WorkOS has for it", () => {
  const { emulator, sync, bob } = startSync();
  sync.updateUser(bob.id, { email: "rob@acme.test" });
  const [, created, updated] = emulator.events.list();
  const inBothForms = (value: string) => ({
    email: value,
    emails: [{ primary: true, type: "work", value }],
  });
  assert.partialDeepStrictEqual(created?.data, inBothForms("bob@acme.test"));
  assert.partialDeepStrictEqual(updated?.data, inBothForms("rob@acme.test"));
});

Deno.test("a directory says who is in which group", async () => {
  const { emulator, sync, directory, bob } = startSync();
  const group = sync.addGroup(directory.id, "Engineers");
  sync.addToGroup(group.id, bob.id);
  sync.removeFromGroup(group.id, bob.id);
  sync.deleteGroup(group.id);
  const events = (await list(emulator)).slice(2);
  assert.deepEqual(events.map(({ event }) => event), [
    "dsync.group.created",
    "dsync.group.user_added",
    "dsync.group.user_removed",
    "dsync.group.deleted",
  ]);
  assert.partialDeepStrictEqual(events[1]?.data, {
    directoryId: directory.id,
    user: { id: bob.id, email: "bob@acme.test" },
    group: { id: group.id, name: "Engineers", organizationId: "org_acme" },
  });
});

Deno.test("a directory that is disconnected says so once, and its people stay members", async () => {
  const { emulator, sync, directory, bob } = startSync();
  const other = sync.activate(emulator.directory.getOrganization("org_globex"));
  const carol = sync.addUser(other.id, { email: "carol@globex.test" });
  sync.addGroup(directory.id, "Engineers");
  sync.delete(directory.id);
  const events = (await list(emulator)).slice(3);
  assert.deepEqual(events.map(({ event }) => event), ["dsync.deleted"]);
  assert.partialDeepStrictEqual(events[0]?.data, { id: directory.id, organizationId: "org_acme" });
  const sent = emulator.events.list().at(-1)?.data ?? {};
  assert.equal("domains" in sent || "external_key" in sent, false);
  assert.ok(emulator.directory.findActiveMembership("user_bob", "org_acme"));
  assert.throws(() => sync.updateUser(bob.id, {}), { code: "entity_not_found" });
  sync.deleteUser(carol.id);
});

Deno.test("an organization takes its directories with it", async () => {
  const { emulator, directory } = startSync();
  emulator.directory.deleteOrganization("org_acme");
  const events = await list(emulator);
  assert.deepEqual(
    events.flatMap(({ event, data }) => event === "dsync.deleted" ? [data.id] : []),
    [directory.id],
  );
});

Deno.test("operations on directories refuse ids that do not exist", () => {
  const { sync, bob, directory } = startSync();
  const group = sync.addGroup(directory.id, "Engineers");
  const operations = [
    () => sync.delete("directory_0"),
    () => sync.addUser("directory_0", {}),
    () => sync.updateUser("directory_user_0", {}),
    () => sync.deleteUser("directory_user_0"),
    () => sync.addGroup("directory_0", "Engineers"),
    () => sync.addToGroup(group.id, "directory_user_0"),
    () => sync.removeFromGroup("directory_group_0", bob.id),
    () => sync.deleteGroup("directory_group_0"),
  ];
  for (const operation of operations) assert.throws(operation, { code: "entity_not_found" });
});
