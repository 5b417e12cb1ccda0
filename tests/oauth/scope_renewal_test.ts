/** What a token may do is what the person approved and WorkOS supports now, at every renewal. */

import assert from "node:assert/strict";
import { callTool, post, signIn } from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";

const SCOPE = "openid profile email members:read";
const WITHOUT = "openid profile email";

async function scopesOf(world: World, token: string): Promise<string> {
  const answer = await (await callTool(world, token, "whoami")).json();
  return answer.result.structuredContent.scopes.join(" ");
}

async function refresh(world: World, clientId: string, refreshToken: string, scope?: string) {
  const response = await post(world, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: refreshToken,
    ...(scope !== undefined && { scope }),
  });
  return await response.json();
}

/** Gives alice other permissions, and lets WorkOS's token run out. */
function setPermissions(world: World, ...permissions: string[]): void {
  world.emulator.directory.setPermissions("admin", permissions);
  world.advance(6 * 60_000);
}

Deno.test("a permission given back at WorkOS comes back to a token that had it", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world, { scope: SCOPE });
  setPermissions(world);
  assert.equal(await scopesOf(world, tokens.access_token), WITHOUT);
  setPermissions(world, "members:read");
  assert.equal(await scopesOf(world, tokens.access_token), SCOPE);
});

// fastmcp#3407: tokens were stamped with the configured scopes, whatever had been granted.
Deno.test("a refresh grants what the person approved and WorkOS supports now", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world, { scope: SCOPE });
  setPermissions(world);
  const less = await refresh(world, clientId, tokens.refresh_token);
  assert.equal(less.scope, WITHOUT);
  setPermissions(world, "members:read");
  assert.equal(
    await scopesOf(world, less.access_token),
    WITHOUT,
    "a token never does more than its response said",
  );
  const back = await refresh(world, clientId, less.refresh_token);
  assert.equal(back.scope, SCOPE);
  assert.equal(await scopesOf(world, back.access_token), SCOPE);
});

Deno.test("what was approved but missing at the sign-in comes with the permission", async () => {
  const world = await createWorld();
  world.emulator.directory.setPermissions("admin", []);
  const { tokens, clientId } = await signIn(world, { scope: SCOPE });
  assert.equal(tokens.scope, WITHOUT);
  setPermissions(world, "members:read");
  assert.equal((await refresh(world, clientId, tokens.refresh_token)).scope, SCOPE);
});

Deno.test("new permissions at WorkOS never give more than was approved", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world, { scope: WITHOUT });
  setPermissions(world, "members:read", "members:*");
  assert.equal(await scopesOf(world, tokens.access_token), WITHOUT);
  const wider = await refresh(world, clientId, tokens.refresh_token, SCOPE);
  assert.equal(wider.error, "invalid_scope");
  assert.equal((await refresh(world, clientId, tokens.refresh_token)).scope, WITHOUT);
});

Deno.test("a refresh for nothing but a lost permission is invalid_scope and spends no token", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world, { scope: SCOPE });
  setPermissions(world);
  const lost = await refresh(world, clientId, tokens.refresh_token, "members:read");
  assert.equal(lost.error, "invalid_scope");
  world.advance(2 * 60_000);
  assert.equal((await refresh(world, clientId, tokens.refresh_token)).scope, WITHOUT);
});

Deno.test("a broad scope can be narrowed to one that it covers (RS-12)", async () => {
  const world = await createWorld();
  setPermissions(world, "members:*");
  const { tokens, clientId } = await signIn(world, { scope: "openid profile email members:*" });
  const answer = await refresh(world, clientId, tokens.refresh_token, "openid members:read");
  assert.equal(answer.scope, "openid members:read");
});

Deno.test("a sign-in that would be allowed nothing is refused instead", async () => {
  const world = await createWorld({ env: { WORKOS_REQUIRED_SCOPES: "openid" } });
  await assert.rejects(
    signIn(world, { scope: "members:read", email: "bob@acme.test" }),
    /access_denied/,
  );
});
