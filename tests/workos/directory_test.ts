/** What tools can ask WorkOS. */

import assert from "node:assert/strict";
import { UnavailableError, WorkOSSetupError } from "../../lib/errors.ts";
import { createDirectory } from "../../lib/workos/directory.ts";
import { createWorld } from "../support/world.ts";

Deno.test("a person's organizations are those of active memberships, with the role in each", async () => {
  const { directory, emulator } = await createWorld();
  assert.deepEqual(await directory.listOrganizations("user_carol"), [
    { id: "org_acme", name: "Acme", role: "member" },
    { id: "org_globex", name: "Globex", role: "member" },
  ]);
  assert.deepEqual(await directory.listOrganizations("user_dave"), []);
  emulator.directory.deactivateMembership("user_carol", "org_acme");
  assert.deepEqual(
    (await directory.listOrganizations("user_carol")).map(({ id }) => id),
    ["org_globex"],
  );
});

Deno.test("members are listed by the page", async () => {
  const { directory } = await createWorld();
  const { items, after } = await directory.listMembers("org_acme", { limit: 3 });
  assert.equal(items.length, 3);
  const rest = await directory.listMembers("org_acme", { limit: 3, ...(after && { after }) });
  assert.equal(rest.after, undefined);
  assert.deepEqual([...items, ...rest.items].map(({ id }) => id).sort(), [
    "user_alice",
    "user_bob",
    "user_carol",
    "user_erin",
  ]);
  assert.deepEqual(rest.items, [
    { id: "user_alice", email: "alice@acme.test", name: "Alice Archer" },
  ]);
});

Deno.test("a permission for one thing is asked of WorkOS each time", async () => {
  const { directory, emulator: { resourceAccess } } = await createWorld();
  const question = {
    userId: "user_bob",
    organizationId: "org_acme",
    permission: "document:edit",
    resource: { type: "document", id: "7" },
  };
  const rule = {
    membershipId: "om_bob_acme",
    permission: "document:edit",
    resourceType: "document",
    resourceId: "7",
  };
  assert.equal(await directory.mayAccess(question), false);
  resourceAccess.allow(rule);
  assert.equal(await directory.mayAccess(question), true);
  const others = [
    { userId: "user_alice" },
    { permission: "document:delete" },
    { resource: { type: "document", id: "8" } },
    { organizationId: "org_globex" },
  ];
  for (const other of others) {
    assert.equal(await directory.mayAccess({ ...question, ...other }), false);
  }
  resourceAccess.revoke(rule);
  assert.equal(await directory.mayAccess(question), false);
});

Deno.test("an outage and a missing API key are no answer", async () => {
  const world = await createWorld();
  world.faults.workos = () => new Response(null, { status: 502 });
  await assert.rejects(world.directory.listOrganizations("user_carol"), UnavailableError);
  await assert.rejects(
    () => createDirectory(undefined).listMembers("org_acme"),
    (error: unknown) => error instanceof WorkOSSetupError && /WORKOS_API_KEY/.test(error.message),
  );
});
