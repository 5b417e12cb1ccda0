/** What each event of WorkOS does to the grants of everybody. */

import assert from "node:assert/strict";
import { callTool, signIn } from "../support/oauth_client.ts";
import type { World } from "../support/world.ts";
import {
  buildEvent,
  createWebhookWorld,
  deliver,
  listAdmitted,
  listRenewed,
  signInEverybody,
} from "./support.ts";

const EVERYBODY = ["alice", "bob", "carol", "dave"];

interface Row {
  event: string;
  data: Record<string, unknown>;
  /** Who is turned away afterwards. */
  ends?: string[];
  /** Whose session is renewed before it is used again. */
  renews?: string[];
  /** How many sessions are ended at WorkOS. */
  revoked?: number;
}

const MEMBERSHIP = { user_id: "user_bob", organization_id: "org_acme" };
const DIRECTORY = { id: "directory_1", organization_id: "org_acme" };
const DIRECTORY_USER = { id: "directory_user_1", organization_id: "org_acme" };

const ROWS: Row[] = [
  { event: "user.deleted", data: { id: "user_bob" }, ends: ["bob"] },
  { event: "user.updated", data: { id: "user_bob" }, renews: ["bob"] },
  {
    event: "organization_membership.deleted",
    data: { ...MEMBERSHIP, status: "active" },
    ends: ["bob"],
    revoked: 1,
  },
  {
    event: "organization_membership.updated",
    data: { ...MEMBERSHIP, status: "inactive" },
    ends: ["bob"],
    revoked: 1,
  },
  {
    event: "organization_membership.updated",
    data: { ...MEMBERSHIP, status: "active" },
    renews: ["bob"],
  },
  // Somebody who acts for another organization at the moment.
  {
    event: "organization_membership.deleted",
    data: { user_id: "user_carol", organization_id: "org_acme", status: "active" },
  },
  { event: "organization.deleted", data: { id: "org_acme" }, ends: ["alice", "bob"] },
  { event: "organization_role.updated", data: DIRECTORY, renews: ["alice", "bob"] },
  { event: "dsync.activated", data: DIRECTORY, renews: ["alice", "bob"] },
  { event: "dsync.deleted", data: DIRECTORY, ends: ["alice", "bob"] },
  {
    event: "dsync.user.deleted",
    data: { ...DIRECTORY_USER, state: "active", email: "bob@acme.test" },
    ends: ["bob"],
    revoked: 1,
  },
  {
    event: "dsync.user.updated",
    data: { ...DIRECTORY_USER, state: "inactive", email: "BOB@acme.test" },
    ends: ["bob"],
    revoked: 1,
  },
  {
    event: "dsync.user.updated",
    data: {
      ...DIRECTORY_USER,
      state: "inactive",
      email: null,
      emails: [{ primary: true, type: "work", value: "bob@acme.test" }, { value: null }],
    },
    ends: ["bob"],
    revoked: 1,
  },
  {
    event: "dsync.user.updated",
    data: { ...DIRECTORY_USER, state: "active", email: "bob@acme.test" },
    renews: ["bob"],
  },
  // A person of another organization's directory.
  {
    event: "dsync.user.deleted",
    data: { ...DIRECTORY_USER, state: "active", email: "carol@globex.test" },
  },
  {
    event: "dsync.user.deleted",
    data: { ...DIRECTORY_USER, state: "active", email: "nobody@acme.test" },
  },
  { event: "dsync.user.deleted", data: { ...DIRECTORY_USER, state: "active", email: null } },
  ...["dsync.group.user_added", "dsync.group.user_removed"].map((event) => ({
    event,
    data: {
      directory_id: "directory_1",
      user: { ...DIRECTORY_USER, state: "active", email: "bob@acme.test" },
      group: { id: "directory_group_1", organization_id: "org_acme" },
    },
    renews: ["bob"],
  })),
  { event: "dsync.group.deleted", data: DIRECTORY, renews: ["alice", "bob"] },
  { event: "session.revoked", data: { id: "session_of_nobody" } },
  // A directory of no organization ends nothing in any of them.
  {
    event: "dsync.user.deleted",
    data: { organization_id: null, state: "inactive", email: "bob@acme.test" },
    renews: ["bob"],
  },
  ...["role.updated", "role.deleted", "permission.updated", "permission.deleted"].map((event) => ({
    event,
    data: { slug: "admin" },
    renews: EVERYBODY,
  })),
];

for (const { event, data, ends = [], renews = [], revoked = 0 } of ROWS) {
  const effect = ends.length > 0
    ? `ends the grants of ${ends.join(" and ")}`
    : renews.length > 0
    ? `has the grants of ${renews.join(" and ")} renewed`
    : "concerns nobody here";
  Deno.test(`${event} with ${JSON.stringify(data)} ${effect}`, async () => {
    const world = await createWebhookWorld();
    const tokens = await signInEverybody(world);
    world.upstreamCalls.length = 0;
    await deliver(world, buildEvent(world, event, data));
    const revocations = world.upstreamCalls.filter((call) => call.endsWith("/sessions/revoke"));
    assert.equal(revocations.length, revoked);
    assert.deepEqual(await listRenewed(world, tokens), renews);
    const rest = EVERYBODY.filter((name) => !ends.includes(name));
    assert.deepEqual(await listAdmitted(world, tokens), rest);
    const endings = world.logs.filter((line) => line.includes('"message":"grant_ended"'));
    assert.equal(endings.length, ends.length);
    for (const line of endings) assert.ok(line.includes(`"reason":"${event}"`), line);
  });
}

Deno.test("session.revoked ends the grants of that session, and no other of the person", async () => {
  const world = await createWebhookWorld();
  const first = (await signIn(world)).tokens.access_token;
  const second = (await signIn(world)).tokens.access_token;
  const [session] = world.emulator.directory.sessions.listByUser("user_alice");
  await deliver(world, buildEvent(world, "session.revoked", { ...session }));
  assert.deepEqual(await listAdmitted(world, { first, second }), ["second"]);
});

/** Bob leaves Acme and comes back a minute later. */
function leaveAndReturn(world: World): Record<string, unknown>[] {
  const { directory } = world.emulator;
  const report = () => {
    const [membership] = directory.listMemberships({ userId: "user_bob" });
    return buildEvent(world, "organization_membership.updated", { ...membership });
  };
  directory.deactivateMembership("user_bob", "org_acme");
  const leave = report();
  world.advance(60_000);
  directory.addMembership("user_bob", "org_acme", "member");
  return [leave, report()];
}

const ORDERS: Record<string, (events: Record<string, unknown>[]) => Record<string, unknown>[]> = {
  "in order": (events) => events,
  "the other way round": (events) => events.toReversed(),
  "twice each, mixed up": (events) => [...events.toReversed(), ...events],
};

for (const [order, arrange] of Object.entries(ORDERS)) {
  Deno.test(`events that come ${order} end what was before, and not what came after`, async () => {
    const world = await createWebhookWorld();
    const before = (await signIn(world, { email: "bob@acme.test" })).tokens.access_token;
    const events = leaveAndReturn(world);
    const after = (await signIn(world, { email: "bob@acme.test" })).tokens.access_token;
    for (const event of arrange(events)) await deliver(world, event);
    assert.deepEqual(await listAdmitted(world, { before, after }), ["after"]);
  });
}

Deno.test("a role that was given is there with the next request", async () => {
  const world = await createWebhookWorld();
  const { tokens: { access_token: bob } } = await signIn(world, { email: "bob@acme.test" });
  const { emulator: { directory } } = world;
  directory.setRole("user_bob", "org_acme", "admin");
  const [membership] = directory.listMemberships({ userId: "user_bob" });
  await deliver(world, buildEvent(world, "organization_membership.updated", { ...membership }));
  const answer = await (await callTool(world, bob, "list_members")).text();
  assert.match(answer, /user_alice/);
});
