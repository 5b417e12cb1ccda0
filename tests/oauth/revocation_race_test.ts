/** A revoked access token stays revoked, whatever is replayed around it (RFC 7009 §2). */

import assert from "node:assert/strict";
import { callTool, post, signIn } from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";

async function refresh(world: World, clientId: string, refreshToken: string, scope?: string) {
  const response = await post(world, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: refreshToken,
    ...(scope !== undefined && { scope }),
  });
  assert.equal(response.status, 200);
  return await response.json();
}

async function revoke(world: World, clientId: string, token: string): Promise<void> {
  const response = await post(world, "/revoke", { client_id: clientId, token });
  assert.equal(response.status, 200);
}

async function statusOf(world: World, token: string): Promise<number> {
  return (await callTool(world, token, "whoami")).status;
}

for (const sweep of [false, true]) {
  Deno.test(`a revoked access token is not revived by the previous refresh token${sweep ? ", nor after sweeping" : ""}`, async () => {
    const world = await createWorld();
    const { tokens, clientId } = await signIn(world);
    const first = await refresh(world, clientId, tokens.refresh_token);
    assert.equal(await statusOf(world, first.access_token), 200);
    await revoke(world, clientId, first.access_token);
    if (sweep) await world.app.sweep();
    const again = await refresh(world, clientId, tokens.refresh_token);
    assert.equal(await statusOf(world, first.access_token), 401);
    assert.equal(await statusOf(world, again.access_token), 401);
    // Whoever was given it finds out by the 401, and goes on with the successor.
    const next = await refresh(world, clientId, again.refresh_token);
    assert.equal(await statusOf(world, next.access_token), 200);
  });
}

Deno.test("racing callers who asked for other scopes get tokens that work and can be revoked for good", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const full = await refresh(world, clientId, tokens.refresh_token);
  const narrow = await refresh(
    world,
    clientId,
    tokens.refresh_token,
    "openid profile email",
  );
  assert.notEqual(narrow.access_token, full.access_token);
  assert.equal(narrow.refresh_token, full.refresh_token);
  assert.equal(await statusOf(world, full.access_token), 200);
  assert.equal(await statusOf(world, narrow.access_token), 200);
  await revoke(world, clientId, narrow.access_token);
  const again = await refresh(
    world,
    clientId,
    tokens.refresh_token,
    "openid profile email",
  );
  assert.equal(await statusOf(world, again.access_token), 401);
  assert.equal(await statusOf(world, full.access_token), 200, "the other one is untouched");
});

Deno.test("a revocation that races with 20 replays of the refresh token wins", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const first = await refresh(world, clientId, tokens.refresh_token);
  await Promise.all([
    ...Array.from({ length: 10 }, () => refresh(world, clientId, tokens.refresh_token)),
    revoke(world, clientId, first.access_token),
    ...Array.from({ length: 10 }, () => refresh(world, clientId, tokens.refresh_token)),
  ]);
  assert.equal(await statusOf(world, first.access_token), 401);
});
