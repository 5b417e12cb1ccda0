/** Switching while others renew, refresh and call; and answers that would move a grant unasked. */

import assert from "node:assert/strict";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";
import { errorOf, refresh, renewFor } from "./support.ts";

const CAROL = { email: "carol@globex.test", organizationId: "org_acme" };

async function organizationOf(world: World, token: string): Promise<unknown> {
  const response = await callTool(world, token, "whoami");
  assert.equal(response.status, 200);
  return (await response.json()).result.structuredContent.organization_id;
}

Deno.test("a switch, a refresh and forty calls at once on two replicas lose no session", async () => {
  for (const expired of [false, true]) {
    const world = await createWorld();
    const replica = await createWorld({ store: world.store, emulator: world.emulator });
    const { clientId, tokens } = await signIn(world, CAROL);
    const token = tokens.access_token;
    if (expired) [world, replica].forEach(({ advance }) => advance(6 * 60_000));
    const slowly = async () => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      return undefined;
    };
    world.faults.workos = replica.faults.workos = slowly;
    const calls = (server: World) =>
      Array.from({ length: 20 }, () => callTool(server, token, "whoami"));
    const switching = (server: World, organization_id: string) =>
      callTool(server, token, "switch_organization", { organization_id });
    const answers = await Promise.all([
      ...calls(world),
      switching(world, "org_globex"),
      refresh(replica, clientId, tokens.refresh_token),
      switching(replica, "org_globex"),
      ...calls(replica),
    ]);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    for (const answer of answers.slice(0, 20)) {
      const { organization_id } = (await answer.json()).result.structuredContent;
      assert.ok(["org_acme", "org_globex"].includes(organization_id));
    }
    for (const server of [world, replica]) {
      assert.equal(await organizationOf(server, token), "org_globex");
    }
    const [session] = world.emulator.directory.sessions.listByUser("user_carol");
    assert.equal(session?.status, "active");
    // And the session can still be renewed.
    [world, replica].forEach(({ advance }) => advance(6 * 60_000));
    assert.equal(await organizationOf(replica, token), "org_globex");
  }
});

Deno.test("switches in both directions at once each tell what they have done", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world, CAROL);
  world.emulator.directory.setRole("user_carol", "org_globex", "admin");
  const targets = ["org_globex", "org_acme", "org_globex", "org_acme"];
  const answers = await Promise.all(targets.map(async (organization_id) => {
    const args = { organization_id };
    const response = await callTool(world, tokens.access_token, "switch_organization", args);
    return (await response.json()).result.structuredContent;
  }));
  for (const [index, { organization_id, role }] of answers.entries()) {
    assert.equal(organization_id, targets[index]);
    assert.equal(role, organization_id === "org_globex" ? "admin" : "member");
  }
  await organizationOf(world, tokens.access_token);
});

Deno.test("a renewal that comes back for another organization ends the grant instead of moving it", async () => {
  const world = await createWorld();
  const { clientId, tokens } = await signIn(world, CAROL);
  renewFor(world, "org_globex");
  world.advance(6 * 60_000);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  const renewal = await refresh(world, clientId, tokens.refresh_token);
  assert.equal(await errorOf(renewal), "400 invalid_grant");
  const line = world.logs.find((line) => line.includes("grant_ended")) ?? "";
  assert.equal(JSON.parse(line).properties.reason, "wrong_organization");
});

Deno.test("a person without an organization is not moved into one by a renewal", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world, { email: "dave@solo.test" });
  assert.equal(await organizationOf(world, tokens.access_token), null);
  world.emulator.directory.addMembership("user_dave", "org_acme", "admin");
  world.advance(6 * 60_000);
  assert.equal(await organizationOf(world, tokens.access_token), null);

  renewFor(world, "org_acme");
  world.advance(6 * 60_000);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
});

Deno.test("a person who was added to an organization switches to it", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world, { email: "dave@solo.test" });
  world.emulator.directory.addMembership("user_dave", "org_acme", "admin");
  const args = { organization_id: "org_acme" };
  await callTool(world, tokens.access_token, "switch_organization", args);
  assert.equal(await organizationOf(world, tokens.access_token), "org_acme");
});
