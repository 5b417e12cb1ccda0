/** What is in the audit log of an organization. */

import assert from "node:assert/strict";
import * as z from "zod";
import { requirePermission } from "../../lib/mcp/require_permission.ts";
import { requireScope } from "../../lib/mcp/require_scope.ts";
import { callTool, post, signIn } from "../support/oauth_client.ts";
import { SERVER, type World } from "../support/world.ts";
import { buildEvent, deliver, SECRET } from "../events/support.ts";
import { createAuditedWorld, readEntries } from "./support.ts";

Deno.test("a sign-in is in the log of the organization it is for", async () => {
  const world = await createAuditedWorld();
  const { clientId } = await signIn(world, {
    email: "carol@globex.test",
    organizationId: "org_globex",
  });
  const [entry, ...others] = await readEntries(world, "mcp.sign_in.completed");
  assert.deepEqual(others, []);
  assert.equal(entry?.organizationId, "org_globex");
  const { actor, targets, metadata, occurred_at, context } = entry.event;
  const [session] = world.emulator.directory.sessions.listByUser("user_carol");
  assert.deepEqual(actor, {
    type: "user",
    id: "user_carol",
    name: "carol@globex.test",
    metadata: { session_id: session?.id },
  });
  assert.deepEqual(targets, [{ type: "mcp_client", id: clientId }]);
  assert.equal(metadata?.scope, "openid profile email offline_access");
  assert.equal(typeof metadata?.authentication_method, "string");
  assert.match(String(metadata?.request_id), /^[\w-]{12}$/);
  assert.equal(Date.parse(occurred_at), world.now());
  assert.equal(context.location, "unknown");
});

Deno.test("a sign-in without an organization is in this server's own log only", async () => {
  const world = await createAuditedWorld();
  await signIn(world, { email: "dave@solo.test" });
  assert.deepEqual(await readEntries(world, "mcp.sign_in.completed"), []);
  assert.ok(world.logs.some((line) => line.includes("grant_created")));
});

Deno.test("who is turned away by the settings is in the log of their organization", async () => {
  const world = await createAuditedWorld({ env: { WORKOS_REQUIRED_CLAIMS: '{"role":"admin"}' } });
  await assert.rejects(signIn(world, { email: "bob@acme.test" }));
  const [entry] = await readEntries(world, "mcp.sign_in.refused");
  assert.equal(entry?.organizationId, "org_acme");
  assert.equal(entry.event.actor.id, "user_bob");
  assert.equal(entry.event.metadata?.reason, "claim_not_met");
  assert.deepEqual(await readEntries(world, "mcp.sign_in.completed"), []);
});

Deno.test("who acts for somebody else is named beside them", async () => {
  const world = await createAuditedWorld();
  const impersonator = { email: "staff@workos.test", reason: "support case" };
  world.emulator.directory.setImpersonator("user_alice", impersonator);
  const { tokens } = await signIn(world);
  await (await callTool(world, tokens.access_token, "whoami")).text();
  for (const action of ["mcp.sign_in.completed", "mcp.tool.called"]) {
    const [entry] = await readEntries(world, action);
    assert.equal(entry?.event.actor.metadata?.impersonator, impersonator.email, action);
  }
});

/** Sends a message of the 2025 protocol. */
function callServer(
  world: World,
  token: string,
  message: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return world.fetch(`${SERVER}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }),
  });
}

const noInput = z.object({});

/** One tool for each way a call can go. */
async function createToolWorld(): Promise<World> {
  return await createAuditedWorld({
    definition: {
      name: "Tools",
      version: "1",
      register(server) {
        const text = (text: string, isError = false) => ({
          content: [{ type: "text" as const, text }],
          isError,
        });
        const config = { inputSchema: noInput };
        server.registerTool(
          "works",
          { inputSchema: z.object({ secret: z.string() }) },
          () => text("the result"),
        );
        server.registerTool("says_no", config, () => text("no", true));
        server.registerTool("throws", config, () => {
          throw new Error("broken");
        });
        server.registerTool(
          "needs_permission",
          { ...config, ...requirePermission("nobody:has") },
          () => text("yes"),
        );
        server.registerTool(
          "needs_scope",
          { ...config, scopeChallenge: requireScope("members:read") },
          () => text("yes"),
        );
      },
    },
  });
}

Deno.test("each call of a tool is in the log, however it goes, and none of its arguments", async () => {
  const world = await createToolWorld();
  const { tokens: { access_token: token }, clientId } = await signIn(world);
  await (await callTool(world, token, "works", { secret: "s3cret argument" })).text();
  for (const tool of ["says_no", "throws", "needs_permission", "needs_scope"]) {
    await (await callTool(world, token, tool)).text();
  }
  await (await callTool(world, token, "nobody_made_this")).text();
  const entries = await readEntries(world, "mcp.tool.called");
  assert.deepEqual(
    entries.map(({ event: { targets, metadata } }) => [targets[1]?.id, metadata?.outcome]),
    [
      ["works", "completed"],
      ["says_no", "failed"],
      ["throws", "failed"],
      ["needs_permission", "denied"],
      ["needs_scope", "denied"],
    ],
  );
  assert.doesNotMatch(JSON.stringify(entries), /s3cret|the result/);
  for (const { organizationId, event } of entries) {
    assert.equal(organizationId, "org_acme");
    assert.equal(event.actor.name, "alice@acme.test");
    assert.deepEqual(event.targets[0], { type: "mcp_client", id: clientId });
    assert.equal(typeof event.metadata?.duration_ms, "number");
  }
});

Deno.test("each call of a tool is in this server's own log too, in no organization as well", async () => {
  const world = await createToolWorld();
  const { tokens: { access_token: token }, clientId } = await signIn(world, {
    email: "dave@solo.test",
  });
  await (await callTool(world, token, "works", { secret: "s3cret argument" })).text();
  await (await callTool(world, token, "needs_scope")).text();
  const lines = world.logs.map((line) => JSON.parse(line))
    .filter(({ message }) => message === "tool_called");
  const [{ properties: { request_id, grant_id, ...fields }, level }, denied] = lines;
  assert.equal(level, "DEBUG");
  assert.ok(request_id && grant_id);
  assert.deepEqual(fields, {
    name: "works",
    client_id: clientId,
    user_id: "user_dave",
    outcome: "completed",
    duration_ms: 0,
  });
  assert.equal(denied?.properties.outcome, "denied");
  assert.doesNotMatch(world.logs.join(), /s3cret|the result/);
});

Deno.test("a call with arguments that its tool does not take has failed, once", async () => {
  const world = await createToolWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  const response = await callTool(world, token, "works", { secret: 3 });
  assert.match(await response.text(), /Invalid arguments/);
  const entries = await readEntries(world, "mcp.tool.called");
  assert.deepEqual(
    entries.map(({ event: { targets, metadata } }) => [targets[1]?.id, metadata?.outcome]),
    [["works", "failed"]],
  );
});

Deno.test("listing tools is no call of one, hidden or not", async () => {
  const world = await createToolWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  const response = await callServer(world, token, { method: "tools/list" });
  assert.match(await response.text(), /"works"/);
  assert.deepEqual(await readEntries(world, "mcp.tool.called"), []);
});

Deno.test("the end of a grant is in the log with its reason, whoever ended it", async () => {
  const world = await createAuditedWorld({ env: { WORKOS_WEBHOOK_SECRET: SECRET } });
  const first = await signIn(world);
  await post(world, "/revoke", { client_id: first.clientId, token: first.tokens.refresh_token });
  await signIn(world);
  await deliver(world, buildEvent(world, "user.deleted", { id: "user_alice" }));
  const entries = await readEntries(world, "mcp.grant.ended");
  assert.deepEqual(entries.map(({ event }) => event.metadata?.reason), [
    "revoked_by_client",
    "user.deleted",
  ]);
  for (const { organizationId, event } of entries) {
    assert.equal(organizationId, "org_acme");
    assert.equal(event.actor.id, "user_alice");
  }
});

Deno.test("what WorkOS reports comes from this server, and not from where WorkOS is", async () => {
  const world = await createAuditedWorld({ env: { WORKOS_WEBHOOK_SECRET: SECRET } });
  await signIn(world);
  await deliver(world, buildEvent(world, "user.deleted", { id: "user_alice" }));
  const [entry] = await readEntries(world, "mcp.grant.ended");
  assert.deepEqual(entry?.event.context, { location: "this server" });
  assert.equal(entry.event.metadata?.request_id, undefined);
});

Deno.test("where a call comes from is told, as far as the proxies in front tell", async () => {
  const world = await createAuditedWorld({ env: { TRUSTED_PROXY_HOPS: "1" } });
  const { tokens } = await signIn(world);
  const response = await callServer(world, tokens.access_token, {
    method: "tools/call",
    params: { name: "echo", arguments: { message: "x" } },
  }, { "x-forwarded-for": "203.0.113.9, 192.0.2.7", "user-agent": "client/1.0" });
  await response.text();
  const [entry] = await readEntries(world, "mcp.tool.called");
  assert.deepEqual(entry?.event.context, { location: "192.0.2.7", user_agent: "client/1.0" });
  assert.equal(entry.event.metadata?.request_id, response.headers.get("x-request-id"));
});
