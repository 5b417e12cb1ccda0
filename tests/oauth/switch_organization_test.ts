/** Acting for another organization, without a new sign-in. */

import assert from "node:assert/strict";
import { readEvents, send } from "../mcp/support.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, type World, type WorldOptions } from "../support/world.ts";
import { refresh, renewFor } from "./support.ts";

const CAROL = { email: "carol@globex.test", organizationId: "org_acme" };

/** Carol is nobody special at Acme and an administrator at Globex. */
async function prepare(options: WorldOptions = {}) {
  const world = await createWorld(options);
  world.emulator.directory.setRole("user_carol", "org_globex", "admin");
  const { clientId, tokens } = await signIn(world, CAROL);
  return { world, clientId, tokens, token: tokens.access_token };
}

interface ToolAnswer {
  isError?: boolean;
  content: { text: string }[];
  structuredContent: Record<string, unknown>;
}

async function call(
  world: World,
  token: string,
  name: string,
  args: Record<string, unknown> = {},
): Promise<ToolAnswer> {
  const response = await callTool(world, token, name, args);
  const { result } = await response.json();
  assert.ok(result, `${name}: ${response.status}`);
  return result;
}

const switchTo = (world: World, token: string, organization_id: string) =>
  call(world, token, "switch_organization", { organization_id });

async function organizationOf(world: World, token: string): Promise<unknown> {
  return (await call(world, token, "whoami")).structuredContent.organization_id;
}

async function listTools(world: World, token: string): Promise<string[]> {
  const { result } = await (await send(world, token, { method: "tools/list" })).json();
  return result.tools.map(({ name }: { name: string }) => name);
}

Deno.test("permissions, tools, resources and whoami follow the organization at once, on every replica", async () => {
  const { world, token } = await prepare();
  const replica = await createWorld({ store: world.store, emulator: world.emulator });
  const { structuredContent } = await call(world, token, "list_organizations");
  assert.deepEqual(structuredContent, {
    organizations: [
      { id: "org_acme", name: "Acme", role: "member" },
      { id: "org_globex", name: "Globex", role: "admin" },
    ],
    current: "org_acme",
  });
  assert.ok(!(await listTools(world, token)).includes("list_members"));

  const switched = await switchTo(world, token, "org_globex");
  assert.deepEqual(switched.structuredContent, {
    organization_id: "org_globex",
    role: "admin",
    permissions: ["members:read"],
  });
  for (const server of [replica, world]) {
    assert.ok((await listTools(server, token)).includes("list_members"));
    const who = await call(server, token, "whoami");
    assert.equal(who.structuredContent.organization_id, "org_globex");
    assert.deepEqual(who.structuredContent.permissions, ["members:read"]);
    const read = await send(server, token, {
      method: "resources/read",
      params: { uri: "workos://me" },
    });
    assert.match((await read.json()).result.contents[0].text, /org_globex/);
    const { items } = (await call(server, token, "list_members")).structuredContent;
    assert.deepEqual((items as { email: string }[]).map(({ email }) => email), [CAROL.email]);
  }

  await switchTo(replica, token, "org_acme");
  assert.ok(!(await listTools(world, token)).includes("list_members"));
  assert.equal(await organizationOf(world, token), "org_acme");
});

Deno.test("the organization stays the chosen one through renewals", async () => {
  const { world, clientId, tokens } = await prepare();
  await switchTo(world, tokens.access_token, "org_globex");
  world.advance(6 * 60_000);
  assert.equal(await organizationOf(world, tokens.access_token), "org_globex");
  const next = await (await refresh(world, clientId, tokens.refresh_token)).json();
  assert.equal(await organizationOf(world, next.access_token), "org_globex");
});

Deno.test("switching to where one is already asks WorkOS nothing", async () => {
  const { world, token } = await prepare();
  world.upstreamCalls.length = 0;
  assert.equal((await switchTo(world, token, "org_acme")).isError, undefined);
  assert.deepEqual(world.upstreamCalls, []);
});

const REFUSALS: [string, WorldOptions, (world: World) => void, RegExp][] = [
  [
    "single sign-on that the other organization asks for",
    {},
    ({ emulator: { directory } }) => directory.policies.requireSso("org_globex", "conn_acme"),
    /single sign-on.*To act for org_globex, sign in again and choose it/,
  ],
  [
    "a second factor",
    {},
    ({ emulator: { directory } }) =>
      directory.policies.requireStepUp("user_carol", "mfa_challenge"),
    /second factor.*To act for org_globex, sign in again and choose it/,
  ],
  [
    "a membership that is not there",
    {},
    ({ emulator: { directory } }) => directory.removeMembership("user_carol", "org_globex"),
    /not an active member.*Ask its administrator/,
  ],
  [
    "a configured organization",
    { env: { WORKOS_ORGANIZATION_ID: "org_acme" } },
    () => {},
    /for one organization only/,
  ],
  [
    "a claim that is not met there",
    { env: { WORKOS_REQUIRED_CLAIMS: `{"role":"member"}` } },
    () => {},
    /role in the organization does not include.*WorkOS claim: role/,
  ],
];

for (const [name, options, change, message] of REFUSALS) {
  Deno.test(`${name} refuses the switch with the way forward, and ends nothing`, async () => {
    const world = await createWorld(options);
    world.emulator.directory.setRole("user_carol", "org_globex", "admin");
    const { organizationId: _, ...pinned } = CAROL;
    const { clientId, tokens } = await signIn(
      world,
      options.env?.WORKOS_ORGANIZATION_ID ? pinned : CAROL,
    );
    change(world);
    const refused = await switchTo(world, tokens.access_token, "org_globex");
    assert.equal(refused.isError, true);
    assert.match(refused.content[0]?.text ?? "", message);
    assert.match(refused.content[0]?.text ?? "", /you still act for org_acme\.$/);
    assert.ok(world.logs.some((line) => line.includes("switch_refused")));

    world.emulator.directory.policies.requireStepUp("user_carol");
    assert.equal(await organizationOf(world, tokens.access_token), "org_acme");
    world.advance(6 * 60_000);
    assert.equal(await organizationOf(world, tokens.access_token), "org_acme");
    assert.equal((await refresh(world, clientId, tokens.refresh_token)).status, 200);
  });
}

Deno.test("nobody is moved to where every request would lack a scope", async () => {
  const world = await createWorld({ env: { WORKOS_REQUIRED_SCOPES: "openid members:read" } });
  world.emulator.directory.setRole("user_carol", "org_acme", "admin");
  const { tokens } = await signIn(world, { ...CAROL, scope: "openid members:read" });
  const refused = await switchTo(world, tokens.access_token, "org_globex");
  assert.equal(refused.isError, true);
  assert.match(refused.content[0]?.text ?? "", /needs members:read, which you do not have there/);
  assert.equal(await organizationOf(world, tokens.access_token), "org_acme");
});

Deno.test("WorkOS that answers for another organization than asked is refused, and its token kept", async () => {
  const { world, token } = await prepare();
  renewFor(world, "org_acme");
  const refused = await switchTo(world, token, "org_globex");
  assert.equal(refused.isError, true);
  assert.match(refused.content[0]?.text ?? "", /answered for another organization/);
  world.faults.workos = undefined;
  // The old refresh token is spent: without the new one this would be the end.
  assert.equal(await organizationOf(world, token), "org_acme");
  assert.equal((await switchTo(world, token, "org_globex")).isError, undefined);
});

Deno.test("who had no organization is told that a refused switch may have ended the session", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world, { email: "dave@solo.test" });
  for (const organization of ["org_acme", "org_globex"]) {
    world.emulator.directory.addMembership("user_dave", organization, "member");
  }
  renewFor(world, "org_acme");
  const refused = await switchTo(world, tokens.access_token, "org_globex");
  assert.equal(refused.isError, true);
  const text = refused.content[0]?.text ?? "";
  assert.match(
    text,
    /still act for no organization.*if the next request is refused, sign in again/,
  );
  assert.doesNotMatch(text, /Nothing has changed/);
  world.faults.workos = undefined;
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
});

Deno.test("WorkOS that does not answer changes nothing, and the tool says to try again", async () => {
  const { world, token } = await prepare();
  world.faults.workos = () => new Response("bad gateway", { status: 502 });
  const failed = await switchTo(world, token, "org_globex");
  assert.equal(failed.isError, true);
  assert.match(failed.content[0]?.text ?? "", /does not answer right now. Try again/);
  world.faults.workos = undefined;
  assert.equal(await organizationOf(world, token), "org_acme");
});

Deno.test("what is no organization id never reaches WorkOS", async () => {
  const { world, token } = await prepare();
  world.upstreamCalls.length = 0;
  for (const id of ["", "acme", "org_", "../org_x", "org_a b"]) {
    const response = await callTool(world, token, "switch_organization", { organization_id: id });
    assert.equal((await response.json()).result.isError, true, id);
  }
  assert.deepEqual(world.upstreamCalls, []);
});

Deno.test("a session that WorkOS has ended cannot be switched", async () => {
  const { world, token } = await prepare();
  const [session] = world.emulator.directory.sessions.listByUser("user_carol");
  world.emulator.directory.revokeSession(session?.id ?? "");
  assert.equal((await switchTo(world, token, "org_globex")).isError, true);
  assert.equal((await callTool(world, token, "whoami")).status, 401);
});

Deno.test("a client of the 2025 revisions switches as well", async () => {
  const { world, token } = await prepare();
  const response = await send(world, token, {
    method: "tools/call",
    params: { name: "switch_organization", arguments: { organization_id: "org_globex" } },
    headers: { "mcp-protocol-version": undefined, "mcp-method": undefined, "mcp-name": undefined },
  });
  const messages = response.headers.get("content-type")?.startsWith("text/event-stream")
    ? await readEvents(response)
    : [await response.json()];
  assert.equal(messages.length, 1);
});
