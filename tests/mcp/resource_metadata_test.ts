/** How `/mcp` describes itself to clients that have no token yet. */

import assert from "node:assert/strict";
import {
  authorizationUrl,
  callTool,
  createPkce,
  post,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { createWorld, SERVER } from "../support/world.ts";

const WELL_KNOWN = "/.well-known/oauth-protected-resource";

/** One parameter of a Bearer challenge. */
function readChallenge(response: Response, name: string): string | undefined {
  const challenge = response.headers.get("www-authenticate") ?? "";
  assert.match(challenge, /^Bearer /);
  return RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1];
}

// fastmcp#2077, fastmcp#2287, fastmcp#1348: found at the root or at the path, never at both.
Deno.test("metadata is found by the challenge, at the path and at the root (RS-1, RS-2, RS-3)", async () => {
  const world = await createWorld();
  const challenged = readChallenge(await callTool(world, undefined, "echo"), "resource_metadata");
  assert.equal(challenged, `${SERVER}${WELL_KNOWN}/mcp`);
  for (const url of [challenged, `${SERVER}${WELL_KNOWN}/mcp`, SERVER + WELL_KNOWN]) {
    const response = await world.fetch(url);
    assert.equal(response.status, 200, url);
    assert.equal(response.headers.get("content-type"), "application/json");
    const metadata = await response.json();
    assert.equal(metadata.resource, `${SERVER}/mcp`);
    assert.deepEqual(metadata.authorization_servers, [SERVER]);
    assert.deepEqual(metadata.bearer_methods_supported, ["header"]);
  }
});

Deno.test("challenges and metadata name one set of scopes, without offline_access (RS-15, RS-16, RS-21)", async () => {
  const world = await createWorld({
    env: { WORKOS_REQUIRED_SCOPES: "openid profile email offline_access" },
  });
  const { tokens } = await signIn(world, { scope: "openid" });
  const missing = await callTool(world, undefined, "echo");
  const wrong = await callTool(world, "wrong", "echo");
  const narrow = await callTool(world, tokens.access_token, "echo");
  assert.deepEqual([missing.status, wrong.status, narrow.status], [401, 401, 403]);
  const metadata = await (await world.fetch(SERVER + WELL_KNOWN)).json();
  assert.deepEqual(metadata.scopes_supported, ["openid", "profile", "email"]);
  for (const response of [missing, wrong, narrow]) {
    assert.equal(readChallenge(response, "scope"), metadata.scopes_supported.join(" "));
  }
});

// python-sdk#1919: the resource and its metadata differed by a slash.
Deno.test("the resource has one name without a trailing slash, and is known in upper case too (RS-22)", async () => {
  const world = await createWorld({ env: { WORKOS_BASE_URL: "HTTP://LOCALHOST:8000/" } });
  const metadata = await (await world.fetch(SERVER + WELL_KNOWN)).json();
  assert.equal(metadata.resource, "http://localhost:8000/mcp");
  const resource = "HTTP://LocalHost:8000/mcp";
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge, resource });
  assert.match((await world.browser().visit(url)).text, /<form method="post"/);
  const { tokens, clientId } = await signIn(world);
  const response = await post(world, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: tokens.refresh_token,
    resource,
  });
  assert.equal(response.status, 200);
});

Deno.test("a public server names https URLs only, and does not start with http (RS-14, AS-9)", async () => {
  const base = "https://mcp.example.com";
  const world = await createWorld({ env: { WORKOS_BASE_URL: base } });
  const urls: string[] = [];
  for (const path of [WELL_KNOWN, "/.well-known/oauth-authorization-server"]) {
    const metadata = await (await world.fetch(base + path)).json();
    urls.push(...Object.values(metadata).flat().map(String).filter((text) => /:\/\//.test(text)));
  }
  const refused = await world.fetch(`${base}/mcp`, { method: "POST" });
  urls.push(readChallenge(refused, "resource_metadata") ?? "");
  // Resource, issuer twice, four endpoints of it, and the URL in the challenge.
  assert.equal(urls.length, 8);
  for (const url of urls) assert.equal(new URL(url).origin, base);
  await assert.rejects(
    createWorld({ env: { WORKOS_BASE_URL: "http://mcp.example.com" } }),
    /Use https/,
  );
});
