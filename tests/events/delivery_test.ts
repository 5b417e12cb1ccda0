/** WorkOS changes, and its webhooks reach the server: signed, doubled, late and in any order. */

import assert from "node:assert/strict";
import { callTool, post, signIn } from "../support/oauth_client.ts";
import { SERVER, type World } from "../support/world.ts";
import type { WebhookDelivery, WebhookOptions } from "../../lib/workos/emulator/webhooks.ts";
import { createWebhookWorld, listAdmitted, listRenewed, signInEverybody } from "./support.ts";

function startDelivery(world: World, more: Partial<WebhookOptions> = {}): WebhookDelivery {
  return world.emulator.deliverWebhooks({
    url: `${SERVER}/webhooks/workos`,
    fetch: (request) => world.app.fetch(request),
    wait: () => new Promise((resolve) => setTimeout(resolve, 0)),
    ...more,
  });
}

async function settle(world: World, delivery: WebhookDelivery): Promise<void> {
  await delivery.settle();
  await world.app.handleEvents();
}

interface Story {
  happens: (directory: World["emulator"]["directory"]) => void;
  ends?: string[];
  renews?: string[];
}

const STORIES: Record<string, Story> = {
  "somebody leaves the company": {
    happens: (directory) => directory.deactivateMembership("user_bob", "org_acme"),
    ends: ["bob"],
  },
  "an administrator takes somebody out": {
    happens: (directory) => directory.removeMembership("user_bob", "org_acme"),
    ends: ["bob"],
  },
  "an account is deleted": {
    happens: (directory) => directory.deleteUser("user_bob"),
    ends: ["bob"],
  },
  "a session is revoked": {
    happens(directory) {
      const [session] = directory.sessions.listByUser("user_dave");
      directory.revokeSession(session?.id ?? "");
    },
    ends: ["dave"],
  },
  "an organization is deleted": {
    happens: (directory) => directory.deleteOrganization("org_globex"),
    ends: ["carol"],
  },
  "a role is given": {
    happens: (directory) => directory.setRole("user_bob", "org_acme", "admin"),
    renews: ["bob"],
  },
  "a role may do more than before": {
    happens: (directory) => directory.setPermissions("member", ["members:read"]),
    renews: ["alice", "bob", "carol", "dave"],
  },
  "a directory suspends somebody": {
    happens(directory) {
      const { id } = directory.sync.activate(directory.getOrganization("org_acme"));
      const user = directory.sync.addUser(id, { email: "bob@acme.test" });
      directory.sync.updateUser(user.id, { state: "inactive" });
    },
    ends: ["bob"],
    // That the directory is there may change everybody's roles.
    renews: ["alice"],
  },
  "a directory is disconnected": {
    happens(directory) {
      const { id } = directory.sync.activate(directory.getOrganization("org_globex"));
      directory.sync.delete(id);
    },
    ends: ["carol"],
  },
};

const DELIVERIES: Record<string, Partial<WebhookOptions>> = {
  "once": {},
  "three times each, the newest first": { copies: 3 },
};

for (const [how, options] of Object.entries(DELIVERIES)) {
  for (const [what, { happens, ends = [], renews = [] }] of Object.entries(STORIES)) {
    Deno.test(`${what}: delivered ${how}`, async () => {
      const world = await createWebhookWorld();
      const tokens = await signInEverybody(world);
      const delivery = startDelivery(world, options);
      if (options.copies) delivery.hold();
      happens(world.emulator.directory);
      if (options.copies) delivery.release();
      await settle(world, delivery);
      assert.deepEqual(await listRenewed(world, tokens), renews);
      const rest = Object.keys(tokens).filter((name) => !ends.includes(name));
      assert.deepEqual(await listAdmitted(world, tokens), rest);
      await delivery.stop();
    });
  }
}

Deno.test("ending a grant's session at WorkOS reports itself, and that ends there", async () => {
  const world = await createWebhookWorld();
  const { tokens, clientId } = await signIn(world);
  const delivery = startDelivery(world);
  await post(world, "/revoke", { client_id: clientId, token: tokens.refresh_token });
  await settle(world, delivery);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  const names = world.emulator.events.list().map(({ event }) => event);
  assert.deepEqual(names.filter((name) => name === "session.revoked").length, 1);
  await delivery.stop();
});

Deno.test("WorkOS tries again until the server is there, and the change takes effect", async () => {
  const world = await createWebhookWorld();
  const { tokens } = await signIn(world);
  let away = 3;
  const delivery = startDelivery(world, {
    fetch: (request) =>
      away-- > 0 ? Promise.reject(new TypeError("refused")) : world.app.fetch(request),
  });
  world.emulator.directory.deleteUser("user_alice");
  await settle(world, delivery);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  await delivery.stop();
});

for (const [name, shift] of [["old", -181_000], ["dated ahead", 181_000]] as const) {
  Deno.test(`a delivery that is ${name} has no effect`, async () => {
    const world = await createWebhookWorld();
    const { tokens } = await signIn(world);
    const delivery = startDelivery(world, { timestamp: () => world.now() + shift });
    // Nothing but the event says so before WorkOS is asked.
    world.emulator.directory.deleteUser("user_alice");
    await settle(world, delivery);
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
    await delivery.stop();
  });
}
