import assert from "node:assert/strict";
import { callTool, register, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";
import { errorOf, refresh } from "./support.ts";

// fastmcp#4265, fastmcp#4264, workers-oauth-provider#214: a client that refreshed twice at once was
// signed out. workos-node#1184: WorkOS's own refresh token works once, so it is asked once.
Deno.test("50 parallel refreshes all get the same tokens, and they work", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  world.advance(6 * 60_000);
  world.upstreamCalls.length = 0;
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const response = await refresh(world, clientId, tokens.refresh_token);
      assert.equal(response.status, 200);
      return await response.json();
    }),
  );
  assert.equal(new Set(answers.map(({ refresh_token }) => refresh_token)).size, 1);
  assert.equal(new Set(answers.map(({ access_token }) => access_token)).size, 1);
  // WorkOS's keys may be fetched again meanwhile; nobody waits for that.
  const asked = world.upstreamCalls.filter((call) => call.startsWith("POST"));
  assert.deepEqual(asked, ["POST /user_management/authenticate"]);
  const [{ access_token, refresh_token }] = answers;
  assert.equal((await callTool(world, access_token, "whoami")).status, 200);
  assert.equal((await refresh(world, clientId, refresh_token)).status, 200);
});

// fastmcp#4901, fastmcp#5037, flowfuse#8273, kody#2233: the answer was lost, and the sign-in with it.
Deno.test("a lost answer can be fetched again within the grace, in its true lifetime", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const first = await (await refresh(world, clientId, tokens.refresh_token)).json();
  world.advance(50_000);
  const again = await (await refresh(world, clientId, tokens.refresh_token)).json();
  assert.equal(again.access_token, first.access_token);
  assert.equal(again.refresh_token, first.refresh_token);
  assert.equal(again.expires_in, 850);
});

for (const [when, sweep] of [["is still known", false], ["was swept", true]] as const) {
  Deno.test(`after the grace an exchanged token ends the family, when its row ${when}`, async () => {
    const world = await createWorld();
    const { tokens, clientId } = await signIn(world);
    const fresh = await (await refresh(world, clientId, tokens.refresh_token)).json();
    world.advance(61_000);
    if (sweep) await world.app.sweep();
    assert.equal(
      await errorOf(await refresh(world, clientId, tokens.refresh_token)),
      "400 invalid_grant",
    );
    assert.equal((await callTool(world, fresh.access_token, "whoami")).status, 401);
    assert.equal(
      await errorOf(await refresh(world, clientId, fresh.refresh_token)),
      "400 invalid_grant",
    );
    assert.ok(world.logs.some((line) => line.includes("refresh_token_reused")));
  });
}

Deno.test("each refresh gives a public client a new token and takes the old one away (AS-8)", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const chain = [tokens.refresh_token];
  for (let time = 0; time < 3; time++) {
    const response = await refresh(world, clientId, chain.at(-1) ?? "");
    assert.equal(response.status, 200);
    chain.push((await response.json()).refresh_token);
    world.advance(61_000);
  }
  assert.equal(new Set(chain).size, 4);
  assert.equal(
    await errorOf(await refresh(world, clientId, chain[2] ?? "")),
    "400 invalid_grant",
  );
});

Deno.test("a made-up refresh token harms nobody, even with the right grant in it", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const end = tokens.refresh_token.slice(-23);
  const forged = tokens.refresh_token.slice(0, 40) + "A".repeat(28) + end;
  assert.equal(await errorOf(await refresh(world, clientId, forged)), "400 invalid_grant");
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
});

Deno.test("another client's refresh token is refused without harm to its owner", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const { client_id } = await register(world);
  assert.equal(
    await errorOf(await refresh(world, client_id, tokens.refresh_token)),
    "400 invalid_grant",
  );
  assert.equal((await refresh(world, clientId, tokens.refresh_token)).status, 200);
});

Deno.test("a refresh may narrow the scope and not widen it", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  const wider = await refresh(world, clientId, tokens.refresh_token, { scope: "openid admin:all" });
  assert.equal(await errorOf(wider), "400 invalid_scope");
  const response = await refresh(world, clientId, tokens.refresh_token, { scope: "openid" });
  const narrow = await response.json();
  assert.equal(narrow.scope, "openid");
  const refused = await callTool(world, narrow.access_token, "whoami");
  assert.equal(refused.status, 403);
  assert.match(
    refused.headers.get("www-authenticate") ?? "",
    /error="insufficient_scope".*scope="openid profile email"/,
  );
  const back = await (await refresh(world, clientId, narrow.refresh_token)).json();
  assert.equal(back.scope, "openid profile email offline_access");
});

// fastmcp#2670, fastmcp#2534, fastmcp#3581, fastmcp#4252: a sign-in every few minutes, or each start.
Deno.test("a refresh token lives as long as it is used", async () => {
  const world = await createWorld({ env: { REFRESH_TOKEN_TTL: "3600" } });
  const { tokens, clientId } = await signIn(world);
  let { refresh_token } = tokens;
  for (let i = 0; i < 3; i++) {
    world.advance(50 * 60_000);
    await world.app.sweep();
    const response = await refresh(world, clientId, refresh_token);
    assert.equal(response.status, 200);
    ({ refresh_token } = await response.json());
  }
  world.advance(61 * 60_000);
  assert.equal(await errorOf(await refresh(world, clientId, refresh_token)), "400 invalid_grant");
});
