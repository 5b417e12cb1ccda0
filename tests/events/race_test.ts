/** What WorkOS reports while its answer to something else is on its way is not lost. */

import assert from "node:assert/strict";
import { callTool, signIn } from "../support/oauth_client.ts";
import type { World } from "../support/world.ts";
import { buildEvent, createWebhookWorld, deliver, listAdmitted } from "./support.ts";

/** Does something between WorkOS's answer to an exchange or a renewal and the server. */
function onAnswer(world: World, work: () => Promise<void>): void {
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    world.faults.workos = undefined;
    const answer = await world.emulator.fetch(request);
    await work();
    return answer;
  };
}

function reportMembership(world: World, userId: string, organizationId: string) {
  const [membership] = world.emulator.directory.listMemberships({ userId, organizationId });
  return buildEvent(world, "organization_membership.updated", { ...membership });
}

Deno.test("who is taken out during the sign-in is not let in with its first request", async () => {
  const world = await createWebhookWorld();
  onAnswer(world, async () => {
    world.emulator.directory.deactivateMembership("user_bob", "org_acme");
    await deliver(world, reportMembership(world, "user_bob", "org_acme"));
  });
  const { tokens } = await signIn(world, { email: "bob@acme.test" });
  assert.deepEqual(await listAdmitted(world, { bob: tokens.access_token }), []);
});

Deno.test("a sign-in that nothing was reported about asks WorkOS once", async () => {
  const world = await createWebhookWorld();
  const { tokens } = await signIn(world);
  world.upstreamCalls.length = 0;
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  assert.deepEqual(world.upstreamCalls, []);
});

Deno.test("a role that is taken away during a switch is gone with the next request", async () => {
  const world = await createWebhookWorld();
  const { directory } = world.emulator;
  directory.setRole("user_carol", "org_acme", "admin");
  const person = { email: "carol@globex.test", organizationId: "org_globex" };
  const { tokens: { access_token: token } } = await signIn(world, person);
  onAnswer(world, async () => {
    directory.setRole("user_carol", "org_acme", "member");
    await deliver(world, reportMembership(world, "user_carol", "org_acme"));
  });
  const switched = await callTool(world, token, "switch_organization", {
    organization_id: "org_acme",
  });
  assert.match(await switched.text(), /org_acme/);
  const answer = await (await callTool(world, token, "list_members")).text();
  assert.doesNotMatch(answer, /user_alice/);
});

Deno.test("an organization that is deleted during a switch to it lets nobody stay there", async () => {
  const world = await createWebhookWorld();
  const person = { email: "carol@globex.test", organizationId: "org_globex" };
  const { tokens: { access_token: token } } = await signIn(world, person);
  onAnswer(world, async () => {
    world.emulator.directory.deleteOrganization("org_acme");
    await deliver(world, buildEvent(world, "organization.deleted", { id: "org_acme" }));
  });
  await (await callTool(world, token, "switch_organization", { organization_id: "org_acme" }))
    .text();
  assert.deepEqual(await listAdmitted(world, { carol: token }), []);
});

Deno.test("a clock that is ahead of WorkOS's saves nobody who was taken out", async () => {
  const world = await createWebhookWorld();
  const { tokens } = await signIn(world, { email: "bob@acme.test" });
  world.emulator.directory.deactivateMembership("user_bob", "org_acme");
  const event = reportMembership(world, "user_bob", "org_acme");
  const created_at = new Date(world.now() - 120_000).toISOString();
  await deliver(world, { ...event, created_at });
  assert.deepEqual(await listAdmitted(world, { bob: tokens.access_token }), []);
});
