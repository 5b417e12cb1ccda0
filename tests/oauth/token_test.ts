import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import { hashToken } from "../../lib/oauth/tokens.ts";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  post,
  REDIRECT_URI,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";

async function getCode(world: World, metadata: Record<string, unknown> = {}) {
  const client = await register(world, metadata);
  const { verifier, challenge } = createPkce();
  const url = authorizationUrl({ client_id: client.client_id, code_challenge: challenge });
  const code = new URL((await approve(world.browser(), url)).url).searchParams.get("code") ?? "";
  const form = {
    grant_type: "authorization_code",
    client_id: client.client_id,
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  };
  return { client, form };
}

function refresh(world: World, clientId: string, refreshToken: string, more = {}) {
  return post(world, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: refreshToken,
    ...more,
  });
}

async function errorOf(response: Response): Promise<string> {
  return `${response.status} ${(await response.json()).error}`;
}

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
  assert.deepEqual(world.upstreamCalls, ["POST /user_management/authenticate"]);
  const [{ access_token, refresh_token }] = answers;
  assert.equal((await callTool(world, access_token, "whoami")).status, 200);
  assert.equal((await refresh(world, clientId, refresh_token)).status, 200);
});

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

Deno.test("a client that registered without refresh tokens gets none", async () => {
  const world = await createWorld();
  const { form } = await getCode(world, { grant_types: ["authorization_code"] });
  const tokens = await (await post(world, "/token", form)).json();
  assert.equal(tokens.refresh_token, undefined);
});

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

Deno.test("an organization that now asks for single sign-on ends the grant", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  world.advance(6 * 60_000);
  world.faults.workos = () => Response.json({ error: "sso_required" }, { status: 400 });
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  assert.ok(world.logs.some((line) => line.includes("sso_required")));
});

Deno.test("clients authenticate the way they registered, and no other way", async () => {
  const world = await createWorld();
  const { client, form } = await getCode(world, {
    token_endpoint_auth_method: "client_secret_basic",
  });
  const secret = String(client.client_secret);
  const basic = (value: string) => ({
    authorization: `Basic ${btoa(`${client.client_id}:${value}`)}`,
  });
  const { client_id: _, ...withoutId } = form;
  assert.equal(await errorOf(await post(world, "/token", form)), "401 invalid_client");
  assert.equal(
    await errorOf(await post(world, "/token", { ...form, client_secret: secret })),
    "401 invalid_client",
  );
  assert.equal(
    await errorOf(await post(world, "/token", withoutId, basic("wrong"))),
    "401 invalid_client",
  );
  assert.equal((await post(world, "/token", withoutId, basic(secret))).status, 200);
});

Deno.test("a client secret is stored as a hash only", async () => {
  const world = await createWorld();
  const client = await register(world, { token_endpoint_auth_method: "client_secret_post" });
  const row = await world.store.findClient(client.client_id, world.now());
  assert.equal(row?.secretHash, hashToken(String(client.client_secret)));
  assert.ok(!JSON.stringify(row).includes(String(client.client_secret)));
});

Deno.test("bad token requests have the errors of RFC 6749 §5.2", async () => {
  const world = await createWorld();
  const { client_id } = await register(world);
  const attempts: [Record<string, string>, string][] = [
    [{}, "400 invalid_request"],
    [{ grant_type: "authorization_code" }, "400 invalid_request"],
    [{ grant_type: "authorization_code", client_id: "unknown" }, "401 invalid_client"],
    [{ grant_type: "password", client_id }, "400 unsupported_grant_type"],
    [{ grant_type: "refresh_token", client_id }, "400 invalid_request"],
    [{ grant_type: "refresh_token", client_id, refresh_token: "x" }, "400 invalid_grant"],
    [
      { grant_type: "refresh_token", client_id, refresh_token: "x", resource: "https://x.example" },
      "400 invalid_target",
    ],
  ];
  for (const [form, expected] of attempts) {
    assert.equal(await errorOf(await post(world, "/token", form)), expected, JSON.stringify(form));
  }
});

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
  assert.deepEqual(world.upstreamCalls, ["POST /user_management/authenticate"]);
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
