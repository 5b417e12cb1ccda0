/** Who gets past the gate in front of `/mcp`, and what the others are told. */

import assert from "node:assert/strict";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { callTool, post, register, signIn } from "../support/oauth_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";
import { postBody } from "./support.ts";

/** Status of an answer and the error in its challenge. */
function refusalOf(response: Response): string {
  const challenge = response.headers.get("www-authenticate") ?? "";
  return `${response.status} ${/\berror="([^"]*)"/.exec(challenge)?.[1] ?? "without an error"}`;
}

Deno.test("without a token the challenge says where to sign in, and no error (RS-6, RS-15)", async () => {
  const world = await createWorld();
  for (const authorization of [undefined, "Bearer ", "Basic dXNlcjpwYXNz", "Digest x"]) {
    const response = await postBody(world, undefined, {}, { authorization });
    assert.equal(response.status, 401);
    assert.equal(
      response.headers.get("www-authenticate"),
      `Bearer scope="openid profile email", ` +
        `resource_metadata="${SERVER}/.well-known/oauth-protected-resource/mcp"`,
    );
  }
});

const NOT_ACCEPTED: [string, (world: World) => Promise<string>][] = [
  ["nonsense", () => Promise.resolve("x")],
  [
    "a token that was never issued",
    () => Promise.resolve(`wmcp_at_${"a".repeat(16)}_${"b".repeat(43)}`),
  ],
  ["a token with a character changed", async (world) => {
    const { access_token: token } = (await signIn(world)).tokens;
    return token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
  }],
  ["an expired token", async (world) => {
    const { tokens } = await signIn(world);
    world.advance(tokens.expires_in * 1000);
    return tokens.access_token;
  }],
  ["a revoked token", async (world) => {
    const { tokens, clientId } = await signIn(world);
    await post(world, "/revoke", { client_id: clientId, token: tokens.access_token });
    return tokens.access_token;
  }],
  ["a refresh token", async (world) => (await signIn(world)).tokens.refresh_token],
  ["a code", async (world) => (await signIn(world)).code],
  [
    "a token of another server of this kind",
    async () => (await signIn(await createWorld())).tokens.access_token,
  ],
];

for (const [what, obtain] of NOT_ACCEPTED) {
  Deno.test(`${what} is 401 invalid_token (RS-4, RS-5, RS-6, RS-8)`, async () => {
    const world = await createWorld();
    const response = await callTool(world, await obtain(world), "whoami");
    assert.equal(refusalOf(response), "401 invalid_token");
    assert.equal((await response.json()).error, "invalid_token");
  });
}

Deno.test("a client's tokens never travel to WorkOS (RS-10)", async () => {
  const world = await createWorld();
  const sent: string[] = [];
  world.faults.workos = async (request) => {
    sent.push(JSON.stringify([request.url, ...request.headers]) + await request.text());
    return undefined;
  };
  const { tokens, clientId } = await signIn(world);
  world.advance(6 * 60_000);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  await post(world, "/revoke", { client_id: clientId, token: tokens.refresh_token });
  assert.ok(sent.length >= 3, "WorkOS was asked at the sign-in, for a renewal and at the end");
  for (const text of sent) {
    assert.ok(!text.includes(tokens.access_token) && !text.includes(tokens.refresh_token));
  }
});

Deno.test("nothing runs and nothing is read before the token is good (RS-9)", async () => {
  let registrations = 0;
  const definition: McpDefinition = {
    name: "secret",
    version: "1",
    register: () => void registrations++,
  };
  const world = await createWorld({ definition });
  const { tokens } = await signIn(world, { scope: "openid" });
  const attempts: [string | undefined, number][] = [
    [undefined, 401],
    ["Bearer wrong", 401],
    [`Bearer ${tokens.access_token}`, 403],
  ];
  for (const method of ["POST", "GET", "DELETE", "PUT"]) {
    for (const [authorization, status] of attempts) {
      const request = new Request(`${SERVER}/mcp`, {
        method,
        headers: { "content-type": "application/json", ...(authorization && { authorization }) },
        ...(method !== "GET" && { body: "{}" }),
      });
      const response = await world.app.fetch(request);
      assert.equal(response.status, status, method);
      assert.equal(request.bodyUsed, false);
      assert.deepEqual(Object.keys(await response.json()), ["error", "error_description"]);
    }
  }
  assert.equal(registrations, 0);
});

Deno.test("401, 403 and 400 tell apart who has to do what (RS-11)", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world, { scope: "openid" });
  assert.equal((await callTool(world, undefined, "echo")).status, 401);
  assert.equal(refusalOf(await callTool(world, "wrong", "echo")), "401 invalid_token");
  const narrow = await callTool(world, tokens.access_token, "echo");
  assert.equal(refusalOf(narrow), "403 insufficient_scope");
  const { client_id } = await register(world);
  for (const malformed of ["", `?client_id=${client_id}&redirect_uri=x`]) {
    assert.equal((await world.fetch(`${SERVER}/authorize${malformed}`)).status, 400);
  }
});

Deno.test("a token counts in the Authorization header only: URLs and cookies leak (RS-14)", async () => {
  const world = await createWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  const attempts: [string, RequestInit][] = [
    [`?access_token=${token}`, {}],
    ["", { headers: { cookie: `access_token=${token}` } }],
    ["", { body: new URLSearchParams({ access_token: token }) }],
  ];
  for (const [query, init] of attempts) {
    const response = await world.fetch(`${SERVER}/mcp${query}`, { method: "POST", ...init });
    assert.equal(refusalOf(response), "401 without an error");
  }
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    const authorization = `${scheme} ${token}`;
    assert.notEqual((await postBody(world, undefined, {}, { authorization })).status, 401);
  }
});

Deno.test("a malformed Authorization header is 400 invalid_request (RS-11)", async () => {
  const world = await createWorld();
  const { tokens: { access_token: token } } = await signIn(world);
  for (const authorization of [`Bearer ${token} x`, `Bearer ${token},Bearer ${token}`]) {
    const response = await postBody(world, undefined, {}, { authorization });
    assert.equal(refusalOf(response), "400 invalid_request", authorization);
  }
});

Deno.test("a token of a server that shares the store is not accepted (RS-5, RS-8)", async () => {
  const world = await createWorld();
  const { clientId, tokens } = await signIn(world);
  const url = "http://localhost:9000";
  const other = await createWorld({ store: world.store, env: { WORKOS_BASE_URL: url } });
  const call = await other.fetch(`${url}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  assert.equal(refusalOf(call), "401 invalid_token");
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: tokens.refresh_token,
  });
  const refresh = await other.fetch(`${url}/token`, { method: "POST", body });
  assert.equal((await refresh.json()).error, "invalid_grant");
  // Nothing happened to them where they belong.
  assert.equal((await callTool(world, tokens.access_token, "echo")).status, 200);
});
