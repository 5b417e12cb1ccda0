import assert from "node:assert/strict";
import { callTool, post, register, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";
import { errorOf, getCode, refresh } from "./support.ts";

Deno.test("a token response is not cached and lists what was granted", async () => {
  const world = await createWorld();
  const { form } = await getCode(world);
  const response = await post(world, "/token", form);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  const { access_token, refresh_token, ...rest } = await response.json();
  assert.match(access_token, /^wmcp_at_/);
  assert.match(refresh_token, /^wmcp_rt_/);
  assert.deepEqual(rest, {
    token_type: "Bearer",
    expires_in: 900,
    scope: "openid profile email offline_access",
  });
});

Deno.test("of 50 parallel redemptions of one code, one succeeds", async () => {
  const world = await createWorld();
  const { form } = await getCode(world);
  const responses = await Promise.all(
    Array.from({ length: 50 }, () => post(world, "/token", form)),
  );
  const statuses = responses.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 200).length, 1);
  assert.equal(statuses.filter((status) => status === 400).length, 49);
});

Deno.test("a replayed code ends the grant it made, and the session at WorkOS", async () => {
  const world = await createWorld();
  const { form } = await getCode(world);
  const tokens = await (await post(world, "/token", form)).json();
  world.advance(5 * 60_000);
  assert.equal(await errorOf(await post(world, "/token", form)), "400 invalid_grant");
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  assert.equal(
    await errorOf(await refresh(world, form.client_id, tokens.refresh_token)),
    "400 invalid_grant",
  );
  assert.ok(world.upstreamCalls.includes("POST /user_management/sessions/revoke"));
});

Deno.test("a code lives 60 seconds", async () => {
  const world = await createWorld();
  const { form } = await getCode(world);
  world.advance(60_000);
  assert.equal(await errorOf(await post(world, "/token", form)), "400 invalid_grant");
});

Deno.test("an access token lives 15 minutes, or as long as the operator says (AS-24)", async () => {
  for (const [env, seconds] of [[{}, 900], [{ ACCESS_TOKEN_TTL: "60" }, 60]] as const) {
    const world = await createWorld({ env });
    const { tokens } = await signIn(world);
    assert.equal(tokens.expires_in, seconds);
    world.advance(seconds * 1000 - 1);
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
    world.advance(1);
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  }
});

Deno.test("a wrong verifier burns the code", async () => {
  const world = await createWorld();
  const { form } = await getCode(world);
  const wrong = { ...form, code_verifier: "x".repeat(43) };
  assert.equal(await errorOf(await post(world, "/token", wrong)), "400 invalid_grant");
  assert.equal(await errorOf(await post(world, "/token", form)), "400 invalid_grant");
});

Deno.test("a code is bound to its client and its redirect URI (CVE-2025-4143)", async () => {
  const world = await createWorld();
  const { form } = await getCode(world);
  const { client_id } = await register(world);
  const stolen = await post(world, "/token", { ...form, client_id });
  assert.equal(await errorOf(stolen), "400 invalid_grant");
  const elsewhere = { ...form, redirect_uri: "http://127.0.0.1:1/callback" };
  assert.equal(await errorOf(await post(world, "/token", elsewhere)), "400 invalid_grant");
});

Deno.test("a missing verifier is refused: there is no way around PKCE (CVE-2025-4144)", async () => {
  const world = await createWorld();
  const { form } = await getCode(world);
  const { code_verifier: _, ...without } = form;
  assert.equal(await errorOf(await post(world, "/token", without)), "400 invalid_request");
});

// fastmcp bb37c3bb6, fastmcp-ts token formats: a refresh token passed for an access token.
Deno.test("codes, access and refresh tokens are never accepted for each other", async () => {
  const world = await createWorld();
  const { tokens, clientId, code, verifier } = await signIn(world);
  assert.equal((await callTool(world, tokens.refresh_token, "whoami")).status, 401);
  assert.equal((await callTool(world, code, "whoami")).status, 401);
  assert.equal(
    await errorOf(await refresh(world, clientId, tokens.access_token)),
    "400 invalid_grant",
  );
  const asCode = await post(world, "/token", {
    grant_type: "authorization_code",
    client_id: clientId,
    code: tokens.access_token,
    code_verifier: verifier,
  });
  assert.equal(await errorOf(asCode), "400 invalid_grant");
});

Deno.test("a client that registered without refresh tokens gets none", async () => {
  const world = await createWorld();
  const { form } = await getCode(world, { grant_types: ["authorization_code"] });
  const tokens = await (await post(world, "/token", form)).json();
  assert.equal(tokens.refresh_token, undefined);
});
