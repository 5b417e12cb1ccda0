import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";
import { errorOf, refresh } from "./support.ts";

// workers-oauth-provider#315: whatever failed at the provider ended the sign-in here.
Deno.test("WorkOS down or confused never ends a grant: 503, and afterwards all is well", async () => {
  const faults = [
    () => Response.json({ message: "boom" }, { status: 500 }),
    () => new Response("<html>", { status: 200, headers: { "content-type": "text/html" } }),
    () => Response.json({ error: "rate_limited" }, { status: 429 }),
    () => Response.json({ message: "what" }, { status: 422 }),
    () => Response.json({ error: "invalid_client" }, { status: 400 }),
    () => {
      throw new TypeError("connection reset");
    },
  ];
  for (const fault of faults) {
    const world = await createWorld();
    const { tokens, clientId } = await signIn(world);
    world.advance(6 * 60_000);
    world.faults.workos = fault;
    const tool = await callTool(world, tokens.access_token, "whoami");
    assert.equal(tool.status, 503);
    const response = await refresh(world, clientId, tokens.refresh_token);
    assert.equal(await errorOf(response), "503 temporarily_unavailable");
    world.faults.workos = undefined;
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
    assert.equal((await refresh(world, clientId, tokens.refresh_token)).status, 200);
  }
});

// fastmcp#3543, fastmcp#3285, forgetful#12: each call of a tool cost one at the identity provider.
Deno.test("WorkOS down is 503 with Retry-After, and matters only when WorkOS has to be asked", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  world.faults.workos = () => new Response(null, { status: 503 });
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  const fresh = await refresh(world, clientId, tokens.refresh_token);
  assert.equal(fresh.status, 200);
  world.advance(6 * 60_000);
  const down = await callTool(world, tokens.access_token, "whoami");
  assert.equal(down.status, 503);
  assert.ok(Number(down.headers.get("retry-after")) > 0);
  assert.equal((await down.json()).error, "temporarily_unavailable");
});

// cloudflare/mcp#137: a session that was dead at the provider was renewed for ever.
Deno.test("an organization that now asks for single sign-on ends the grant", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  world.advance(6 * 60_000);
  world.faults.workos = () => Response.json({ error: "sso_required" }, { status: 400 });
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  assert.ok(world.logs.some((line) => line.includes("sso_required")));
});

Deno.test("a session that has run out as soon as it is renewed is renewed once a request", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  world.advance(6 * 60_000);
  world.faults.workos = async (request) => {
    const response = await world.emulator.fetch(request);
    // As if this machine's clock were five minutes ahead of WorkOS's, which is just tolerated.
    if (request.url.endsWith("/authenticate")) world.advance(5 * 60_000);
    return response;
  };
  world.upstreamCalls.length = 0;
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  // WorkOS's keys may be fetched again meanwhile; nobody waits for that.
  const asked = world.upstreamCalls.filter((call) => call.startsWith("POST"));
  assert.deepEqual(asked, ["POST /user_management/authenticate"]);
});

Deno.test("a store that fails just after WorkOS has renewed a session loses nothing", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  world.advance(6 * 60_000);
  const { saveSession } = world.store;
  let failures = 3;
  world.store.saveSession = (session) => {
    if (failures-- > 0) return Promise.reject(new UnavailableError("store_unavailable", "away"));
    return saveSession(session);
  };
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  assert.equal((await refresh(world, clientId, tokens.refresh_token)).status, 200);
});

Deno.test("an outage of WorkOS's keys alone costs nobody a session", async () => {
  const world = await createWorld();
  const { tokens, clientId } = await signIn(world);
  world.advance(24 * 3_600_000);
  world.faults.workos = (request) =>
    /jwks|openid-configuration/.test(request.url) ? new Response(null, { status: 503 }) : undefined;
  const response = await refresh(world, clientId, tokens.refresh_token);
  assert.equal(response.status, 200, "known keys serve on");
  world.faults.workos = undefined;
  world.advance(6 * 60_000);
  assert.equal((await callTool(world, (await response.json()).access_token, "whoami")).status, 200);
});

Deno.test("503 at /mcp can be read by a browser-based client and carries the request id", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  world.advance(6 * 60_000);
  world.faults.workos = () => new Response(null, { status: 503 });
  const origin = "http://localhost:6274";
  const response = await world.fetch("http://localhost:8000/mcp", {
    method: "POST",
    headers: { authorization: `Bearer ${tokens.access_token}`, origin },
  });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("access-control-allow-origin"), origin);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.ok(response.headers.get("x-request-id"));
});
