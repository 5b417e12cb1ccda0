/** The whole sign-in, in one process, through the same pages and endpoints as everyone. */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  post,
  register,
  signIn,
} from "./support/oauth_client.ts";
import { createWorld, SERVER } from "./support/world.ts";

Deno.test("a person signs in through WorkOS and calls a tool as themselves", async () => {
  const world = await createWorld();

  const challenge = await callTool(world, undefined, "whoami");
  assert.equal(challenge.status, 401);
  const authenticate = challenge.headers.get("www-authenticate") ?? "";
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(authenticate)?.[1] ?? "";
  assert.doesNotMatch(authenticate, /error=/);
  assert.match(authenticate, /scope="openid profile email"/);

  const resource = await (await world.fetch(metadataUrl)).json();
  assert.equal(resource.resource, `${SERVER}/mcp`);
  const [issuer] = resource.authorization_servers;
  const server = await (await world.fetch(`${issuer}/.well-known/oauth-authorization-server`))
    .json();
  assert.equal(server.issuer, issuer);

  const { tokens } = await signIn(world);
  assert.equal(tokens.token_type, "Bearer");
  assert.equal(tokens.expires_in, 900);
  assert.equal(tokens.scope, "openid profile email offline_access");

  const answer = await (await callTool(world, tokens.access_token, "whoami")).json();
  assert.equal(answer.result.structuredContent.email, "alice@acme.test");
  assert.equal(answer.result.structuredContent.organization_id, "org_acme");
  assert.deepEqual(answer.result.structuredContent.permissions, ["members:read"]);
});

for (const mode of ["auto", "legacy"] as const) {
  Deno.test(`the SDK client talks to the server in ${mode} mode`, async () => {
    const world = await createWorld();
    const { tokens } = await signIn(world);
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${SERVER}/mcp`), {
        fetch: (url, init) => world.fetch(url, init),
        requestInit: { headers: { authorization: `Bearer ${tokens.access_token}` } },
      }),
    );
    const era = client.getNegotiatedProtocolVersion();
    assert.equal(era, mode === "auto" ? "2026-07-28" : "2025-11-25");
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(({ name }) => name), [
      "echo",
      "whoami",
      "list_organizations",
      "switch_organization",
      "list_members",
    ]);
    const echo = await client.callTool({ name: "echo", arguments: { message: "hello" } });
    assert.deepEqual(echo.content, [{ type: "text", text: "hello" }]);
    const { contents: [me] } = await client.readResource({ uri: "workos://me" });
    assert.ok(me && "text" in me);
    assert.equal(JSON.parse(me.text).user_id, "user_alice");
    await client.close();
  });
}

Deno.test("the code comes back with the client's state and exactly one iss", async () => {
  const world = await createWorld();
  const { client_id } = await register(world);
  const { challenge } = createPkce();
  const end = await approve(
    world.browser(),
    authorizationUrl({ client_id, code_challenge: challenge, state: "a b&c=d" }),
  );
  const { searchParams } = new URL(end.url);
  assert.equal(searchParams.get("state"), "a b&c=d");
  assert.deepEqual(searchParams.getAll("iss"), [SERVER]);
});

// fastmcp 52feff687: people were sent to sign in although a refresh token was at hand.
Deno.test("the WorkOS session is renewed behind the scenes when it has run out", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  world.advance(6 * 60_000);
  world.upstreamCalls.length = 0;
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => callTool(world, tokens.access_token, "whoami")),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  // WorkOS's keys may be fetched again meanwhile; nobody waits for that.
  const asked = world.upstreamCalls.filter((call) => call.startsWith("POST"));
  assert.deepEqual(asked, ["POST /user_management/authenticate"]);
});

Deno.test("a role changed at WorkOS is seen after the next renewal", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  world.emulator.directory.setRole("user_alice", "org_acme", "member");
  world.advance(6 * 60_000);
  const answer = await (await callTool(world, tokens.access_token, "whoami")).json();
  assert.equal(answer.result.structuredContent.role, "member");
});

Deno.test("a session revoked at WorkOS ends the grant at the next renewal", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const [, grantId = ""] = /_at_(.{16})_/.exec(tokens.access_token) ?? [];
  const grant = await world.store.findGrant(grantId);
  await world.emulator.directory.revokeSession(grant?.sessionId ?? "");
  world.advance(6 * 60_000);
  const refused = await callTool(world, tokens.access_token, "whoami");
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  const refresh = await post(world, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: tokens.refresh_token,
  });
  assert.equal(refresh.status, 400);
  assert.equal((await refresh.json()).error, "invalid_grant");
});

Deno.test("a refresh token is exchanged for new tokens that work", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  world.advance(16 * 60_000);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  const response = await post(world, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: tokens.refresh_token,
  });
  assert.equal(response.status, 200);
  const fresh = await response.json();
  assert.notEqual(fresh.refresh_token, tokens.refresh_token);
  assert.equal((await callTool(world, fresh.access_token, "whoami")).status, 200);
});
