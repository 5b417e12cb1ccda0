import assert from "node:assert/strict";
import { register, signIn } from "./support/oauth_client.ts";
import { createWorld, SERVER } from "./support/world.ts";

const INSPECTOR = "http://localhost:6274";

Deno.test("metadata is the same at every path, to the byte", async () => {
  const world = await createWorld();
  for (const name of ["oauth-protected-resource", "oauth-authorization-server"]) {
    const [root, path] = await Promise.all(
      ["", "/mcp"].map(async (suffix) =>
        await (await world.fetch(`${SERVER}/.well-known/${name}${suffix}`)).text()
      ),
    );
    assert.equal(root, path);
  }
});

Deno.test("metadata is coherent: one issuer, no trailing slash, endpoints that exist (AS-2, AS-3, AS-16)", async () => {
  const world = await createWorld();
  const get = async (path: string) => await (await world.fetch(SERVER + path)).json();
  const resource = await get("/.well-known/oauth-protected-resource/mcp");
  const server = await get("/.well-known/oauth-authorization-server");
  assert.deepEqual(resource.authorization_servers, [server.issuer]);
  assert.equal(server.issuer, SERVER);
  assert.deepEqual(server.code_challenge_methods_supported, ["S256"]);
  assert.equal(server.authorization_response_iss_parameter_supported, true);
  assert.ok(!resource.scopes_supported.includes("offline_access"), "RS-21");
  assert.ok(server.scopes_supported.includes("offline_access"));
  for (const name of ["authorization", "token", "registration", "revocation"]) {
    const response = await world.fetch(server[`${name}_endpoint`], { method: "POST" });
    assert.notEqual(response.status, 404, name);
    await response.body?.cancel();
  }
});

// CVE-2025-66414, fastmcp 57a279928, fastmcp 4ad78a60e: the check of `Host` was off unless asked for.
Deno.test("a request for another host is refused on every route (DNS-1)", async () => {
  const world = await createWorld();
  for (
    const path of ["/", "/mcp", "/token", "/authorize", "/.well-known/oauth-protected-resource"]
  ) {
    const response = await world.app.fetch(
      new Request(SERVER + path, { headers: { host: "evil.example:8000" } }),
    );
    assert.equal(response.status, 403, path);
  }
});

Deno.test("a loopback server answers to every loopback name, and without a Host header (HTTP/2)", async () => {
  const world = await createWorld();
  for (const host of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"]) {
    const request = new Request(`${SERVER}/token`, { headers: { host } });
    assert.equal((await world.app.fetch(request)).status, 405, host);
  }
  assert.equal((await world.app.fetch(new Request(`${SERVER}/token`))).status, 405);
  assert.equal((await world.app.fetch(new Request("http://evil.example/token"))).status, 403);
});

Deno.test("a foreign origin is refused, a page on loopback is not (TR-2; DNS-1)", async () => {
  const world = await createWorld();
  const status = async (origin: string) => {
    const response = await world.fetch(`${SERVER}/mcp`, { method: "POST", headers: { origin } });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status("https://evil.example"), 403);
  assert.equal(await status("http://localhost.evil.example"), 403);
  assert.equal(await status("null"), 403);
  assert.equal(await status(SERVER), 401);
  assert.equal(await status(INSPECTOR), 401);
});

Deno.test("a browser-based client may preflight, and read challenges", async () => {
  const world = await createWorld();
  const preflight = await world.fetch(`${SERVER}/mcp`, {
    method: "OPTIONS",
    headers: {
      origin: INSPECTOR,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, mcp-param-city",
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-origin"), INSPECTOR);
  assert.equal(
    preflight.headers.get("access-control-allow-headers"),
    "authorization, mcp-param-city",
  );
  const challenge = await world.fetch(`${SERVER}/mcp`, {
    method: "POST",
    headers: { origin: INSPECTOR },
  });
  assert.match(
    challenge.headers.get("access-control-expose-headers") ?? "",
    /WWW-Authenticate.*Retry-After/,
  );
  assert.equal(challenge.headers.get("access-control-allow-credentials"), null);
});

Deno.test("what does not exist is 404, a wrong method 405 with Allow", async () => {
  const world = await createWorld();
  for (
    const path of ["/nothing", "/MCP", "/mcp/", "/token/", "/.well-known/openid-configuration"]
  ) {
    assert.equal((await world.fetch(SERVER + path)).status, 404, path);
  }
  const token = await world.fetch(`${SERVER}/token`);
  assert.equal(token.status, 405);
  assert.equal(token.headers.get("allow"), "POST");
  const home = await world.fetch(`${SERVER}/`, { method: "DELETE" });
  assert.equal(home.headers.get("allow"), "GET, HEAD");
  const head = await world.fetch(`${SERVER}/`, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
});

Deno.test("a body that is too large is refused", async () => {
  const world = await createWorld();
  const response = await world.fetch(`${SERVER}/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "x=".padEnd(100_000, "y"),
  });
  assert.equal(response.status, 413);
});

Deno.test("the page at / says how to add the server", async () => {
  const world = await createWorld();
  const page = await (await world.fetch(`${SERVER}/`)).text();
  assert.match(page, /claude mcp add --transport http workos http:\/\/localhost:8000\/mcp/);
});

Deno.test("readiness needs the store and WorkOS's keys, liveness nothing", async () => {
  const world = await createWorld();
  const ready = async () => (await world.fetch(`${SERVER}/readyz`)).status;
  const down = () => new Response(null, { status: 500 });
  world.faults.workos = down;
  assert.equal(await ready(), 503);
  world.faults.workos = undefined;
  world.advance(5000);
  assert.equal(await ready(), 200);
  // With the keys at hand, an outage of WorkOS is no reason to take a replica out of service.
  world.faults.workos = down;
  assert.equal(await ready(), 200);
  await world.store.close();
  assert.equal(await ready(), 503);
  assert.equal((await world.fetch(`${SERVER}/healthz`)).status, 200);
});

Deno.test("readiness tells whether WorkOS accepts the credentials, asks once a minute, and stays ready", async () => {
  const world = await createWorld();
  const read = async () => {
    const response = await world.fetch(`${SERVER}/readyz`);
    return [response.status, (await response.json()).workos_credentials];
  };
  const settle = async () => {
    let seen = await read();
    for (let time = 0; seen[1] === null && time < 100; time++) seen = await read();
    return seen;
  };
  assert.deepEqual(await settle(), [200, true]);
  const asked = world.upstreamCalls.length;
  world.faults.workos = () => Response.json({ message: "Unauthorized" }, { status: 401 });
  assert.deepEqual(await read(), [200, true]);
  assert.equal(world.upstreamCalls.length, asked);
  world.advance(60_000);
  assert.deepEqual(await settle(), [200, false]);
  world.faults.workos = () => new Response(null, { status: 500 });
  world.advance(60_000);
  assert.deepEqual(await settle(), [200, null], "no answer is no refusal");
});

Deno.test("no token, code, secret or cookie is in the log at debug level (RS-13, AS-17)", async () => {
  const world = await createWorld();
  const { tokens, code, verifier } = await signIn(world);
  const { client_secret } = await register(world, {
    token_endpoint_auth_method: "client_secret_post",
  });
  const secrets = [tokens.access_token, tokens.refresh_token, code, verifier, client_secret];
  const log = world.logs.join("");
  for (const secret of secrets) assert.ok(!log.includes(String(secret)));
  assert.doesNotMatch(log, /eyJ[\w-]+\./);
  assert.match(log, /grant_created/);
});

Deno.test("every answer has a request id, and the log names it", async () => {
  const world = await createWorld();
  const response = await world.fetch(`${SERVER}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: ["http://127.0.0.1/callback"] }),
  });
  const id = response.headers.get("x-request-id");
  assert.match(id ?? "", /^[\w-]{12}$/);
  const line = world.logs.find((line) => line.includes("client_registered"));
  assert.equal(JSON.parse(line ?? "{}").properties.request_id, id);
});

Deno.test("an error of the database or of Node is logged with its stack, whatever code it has", async () => {
  const world = await createWorld();
  world.store.insertClient = () =>
    Promise.reject(
      Object.assign(new Error("no such table: clients"), { code: "ERR_SQLITE_ERROR" }),
    );
  const answer = await register(world);
  assert.equal(answer.error, "server_error");
  assert.ok(!JSON.stringify(answer).includes("table"));
  const line = world.logs.find((line) => line.includes("internal_error"));
  assert.match(line ?? "", /no such table.*app_test\.ts/);
});

Deno.test("an unreadable Host header is refused and nobody's mistake to look into", async () => {
  const world = await createWorld();
  for (const host of ["localhost:8000.", "[::1", "%", "localhost:8000, evil.example"]) {
    const request = new Request(`${SERVER}/token`, { headers: { host } });
    assert.equal((await world.app.fetch(request)).status, 403, host);
  }
  assert.ok(!world.logs.some((line) => line.includes("internal_error")));
});

Deno.test("sweeping goes on until nothing expired is left", async () => {
  const world = await createWorld();
  for (let i = 0; i < 1200; i++) await world.store.closeSignIn(`s${i}`, 1);
  await world.app.sweep();
  assert.equal(await world.store.sweep(world.now(), 10), 0);
});
