import assert from "node:assert/strict";
import {
  authorizationUrl,
  createPkce,
  REDIRECT_URI,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";

async function open(
  world: World,
  url: string,
  headers: Record<string, string> = { accept: "text/html" },
): Promise<Response> {
  return await world.fetch(url, { headers, redirect: "manual" });
}

async function prepare() {
  const world = await createWorld();
  const { client_id } = await register(world);
  const { challenge } = createPkce();
  const url = (parameters: Record<string, string | undefined> = {}) =>
    authorizationUrl({ client_id, code_challenge: challenge, ...parameters });
  return { world, client_id, url };
}

// CVE-2025-4143, fastmcp cccb529f5, fastmcp 76f054e95: a URI that matched nothing was let through by
// another rule or looked at too late. fastmcp eb1426251: a client nobody registered was made up.
// punkpeye/fastmcp#277, mcp-pinot#139: after a restart the client's id was unknown, and no page said so.
Deno.test("nothing is redirected before client and redirect URI are known good (AS-11, AS-12)", async () => {
  const { world, url } = await prepare();
  for (
    const parameters of [
      { client_id: undefined },
      { client_id: "wmcp_client_unknown" },
      { redirect_uri: "https://evil.example/cb" },
      { redirect_uri: `${REDIRECT_URI}/` },
      { redirect_uri: "http://127.0.0.1@evil.example/callback" },
    ]
  ) {
    const response = await open(world, url(parameters));
    assert.equal(response.status, 400, JSON.stringify(parameters));
    assert.equal(response.headers.get("location"), null);
    assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
  }
});

Deno.test("the same refusal is JSON for a program", async () => {
  const { world, url } = await prepare();
  const response = await open(world, url({ client_id: "wmcp_client_unknown" }), { accept: "*/*" });
  assert.equal(response.status, 401);
  assert.equal((await response.json()).error, "invalid_client");
});

const REDIRECTED: [string, Record<string, string | undefined>, string][] = [
  ["no response type", { response_type: undefined }, "invalid_request"],
  ["the implicit flow", { response_type: "token" }, "unsupported_response_type"],
  ["a fragment response", { response_mode: "fragment" }, "invalid_request"],
  ["no PKCE", { code_challenge: undefined }, "invalid_request"],
  ["plain PKCE", { code_challenge_method: "plain" }, "invalid_request"],
  ["no PKCE method, which means plain", { code_challenge_method: undefined }, "invalid_request"],
  ["a short challenge", { code_challenge: "a".repeat(42) }, "invalid_request"],
  ["a long challenge", { code_challenge: "a".repeat(44) }, "invalid_request"],
  ["a challenge of another alphabet", { code_challenge: "+".repeat(43) }, "invalid_request"],
  ["a foreign resource", { resource: "https://other.example/mcp" }, "invalid_target"],
  ["a resource beside ours", { resource: `${SERVER}/other` }, "invalid_target"],
  ["only unknown scopes", { scope: "foo bar" }, "invalid_scope"],
  ["a scope that is none", { scope: 'email "' }, "invalid_scope"],
  ["an endless state", { state: "x".repeat(5000) }, "invalid_request"],
];

// CVE-2025-4144: PKCE that a client, or somebody in between, could leave out.
for (const [what, parameters, code] of REDIRECTED) {
  Deno.test(`${what} goes back to the client as ${code} with state and one iss (AS-20)`, async () => {
    const { world, url } = await prepare();
    const response = await open(world, url(parameters));
    assert.equal(response.status, 303);
    const location = new URL(response.headers.get("location") ?? "");
    assert.equal(location.origin + location.pathname, REDIRECT_URI);
    assert.equal(location.searchParams.get("error"), code);
    assert.equal(location.searchParams.get("state"), parameters.state ?? "client-state");
    assert.deepEqual(location.searchParams.getAll("iss"), [SERVER]);
  });
}

Deno.test("state is returned only if it was sent", async () => {
  const { world, url } = await prepare();
  const response = await open(world, url({ state: undefined, scope: "foo" }));
  assert.ok(!new URL(response.headers.get("location") ?? "").searchParams.has("state"));
});

Deno.test("a repeated parameter is refused, a repeated resource is not", async () => {
  const { world, url } = await prepare();
  const repeated = await open(world, `${url()}&scope=email`);
  assert.match(repeated.headers.get("location") ?? "", /error=invalid_request/);
  const twice = await open(world, `${url()}&redirect_uri=${encodeURIComponent(REDIRECT_URI)}`);
  assert.equal(twice.status, 400);
  const resources = await open(world, `${url()}&resource=${encodeURIComponent(`${SERVER}/mcp`)}`);
  assert.equal(resources.status, 200);
});

Deno.test("clients of the 2025-03-26 revision send no resource, others a slash or upper case", async () => {
  const { world, url } = await prepare();
  for (const resource of [undefined, `${SERVER}/mcp/`, "HTTP://LOCALHOST:8000/mcp"]) {
    assert.equal((await open(world, url({ resource }))).status, 200, resource);
  }
});

Deno.test("a request without scope asks for what every request needs", async () => {
  const { world, url } = await prepare();
  const page = await (await open(world, url({ scope: undefined }))).text();
  assert.match(page, /See your e-mail address/);
});

// claude-code#41610, fastmcp#3828, google_workspace_mcp#674: clients ask for offline_access, or for
// what another server taught them, and were refused for it.
Deno.test("scopes nobody here knows do not keep anybody out, and none of them is granted", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world, {
    scope: "openid offline_access mcp.read user_attributes",
  });
  assert.equal(tokens.scope, "openid offline_access");
  assert.ok(tokens.refresh_token);
});

Deno.test("an authorization request may be posted, also from a client's own page", async () => {
  const { world, url } = await prepare();
  const response = await world.fetch(`${SERVER}/authorize`, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      accept: "text/html",
      origin: "https://client.example",
    },
    body: new URL(url()).search.slice(1),
  });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<form method="post"/);
});

Deno.test("the port of a loopback redirect URI is free, the rest is exact", async () => {
  const { world, url } = await prepare();
  assert.equal(
    (await open(world, url({ redirect_uri: "http://127.0.0.1:1/callback" }))).status,
    200,
  );
  assert.equal(
    (await open(world, url({ redirect_uri: "http://localhost:1/callback" }))).status,
    400,
  );
});
