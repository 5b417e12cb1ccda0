import assert from "node:assert/strict";
import { callTool, post, register, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";
import { refresh } from "./support.ts";

Deno.test("revoking a refresh token ends the grant and the session at WorkOS", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const form = { client_id: clientId, token: tokens.refresh_token };
  const response = await post(world, "/revoke", form);
  assert.equal(response.status, 200);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  assert.ok(world.upstreamCalls.includes("POST /user_management/sessions/revoke"));
});

Deno.test("revoking an access token leaves the refresh token", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  await post(world, "/revoke", { client_id: clientId, token: tokens.access_token });
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  assert.equal((await refresh(world, clientId, tokens.refresh_token)).status, 200);
});

Deno.test("a stranger's or unknown token is answered 200 and left alone", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  const { client_id } = await register(world);
  for (const token of [tokens.refresh_token, tokens.access_token, "unknown"]) {
    assert.equal((await post(world, "/revoke", { client_id, token })).status, 200);
  }
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
});

Deno.test("a grant that could not be revoked at WorkOS has ended here all the same", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  world.faults.workos = () => new Response(null, { status: 503 });
  const form = { client_id: clientId, token: tokens.refresh_token };
  assert.equal((await post(world, "/revoke", form)).status, 200);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
});

Deno.test("a client without refresh tokens ends its grant with its only token", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world, {
    metadata: { grant_types: ["authorization_code"] },
  });
  assert.equal(tokens.refresh_token, undefined);
  await post(world, "/revoke", { client_id: clientId, token: tokens.access_token });
  assert.ok(world.upstreamCalls.includes("POST /user_management/sessions/revoke"));
  assert.ok(world.logs.some((line) => line.includes("revoked_by_client")));
});
