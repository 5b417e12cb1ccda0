/** AuthKit as the authorization server of MCP clients: how they find it, and the whole way to a tool. */

import assert from "node:assert/strict";
import { listenOnLoopback } from "../../lib/client/callback_server.ts";
import { connect } from "../../lib/client/connect.ts";
import type { ConnectOptions } from "../../lib/client/context.ts";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import { callTool as callToolOf, renderContent } from "../../lib/client/tools.ts";
import { setDeadline } from "../../lib/client/deadline.ts";
import { silentLog } from "../../lib/log.ts";
import {
  type AuthKitWorld,
  createAuthKitWorld,
  createSocketBrowser,
  signInAtAuthKit,
} from "../support/authkit_world.ts";
import { testNeeding } from "../support/needs.ts";
import { callTool } from "../support/oauth_client.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { findFreePort } from "../support/server_process.ts";
import { SERVER } from "../support/world.ts";
import { postBody } from "../mcp/support.ts";

const INSPECTOR = "http://localhost:6274";

/** This project's client, with a browser that signs in wherever it is led. */
function createClientOptions(pages: string[]): ConnectOptions {
  return {
    settings: { callbackHost: "127.0.0.1", timeout: 60_000 },
    cache: createMemoryTokenCache(),
    fetch,
    now: Date.now,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    log: silentLog,
    onStep() {},
    signal: new AbortController().signal,
    listen: listenOnLoopback,
    setDeadline,
    async openBrowser(url) {
      const browser = createSocketBrowser();
      const login = await browser.visit(url.href);
      pages.push(new URL(login.url).origin);
      await browser.submit(login, { email: "x" });
    },
  };
}

testNeeding(
  PROVIDER_NEEDS,
  "a client finds AuthKit, registers and signs in there, and uses tools here",
  async () => {
    const port = findFreePort();
    await using world = await createAuthKitWorld({ WORKOS_BASE_URL: `http://127.0.0.1:${port}` });
    const { provider, app, config } = world;
    const paths: string[] = [];
    await using _server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {} },
      (request) => {
        paths.push(`${request.method} ${new URL(request.url).pathname}`);
        return app.fetch(request);
      },
    );
    const pages: string[] = [];
    const options = createClientOptions(pages);
    const connection = await connect(config.resource, options);
    const echo = await callToolOf(connection, "echo", { message: "hello" });
    const whoami = await callToolOf(connection, "whoami", {});
    await connection.close();

    assert.equal(renderContent(echo), "hello");
    const { client_id, ...person } = JSON.parse(renderContent(whoami));
    assert.match(client_id, /^[\w-]{10,}$/);
    assert.deepEqual(person, {
      user_id: "user_alice",
      organization_id: "org_acme",
      role: null,
      roles: [],
      permissions: [],
      scopes: ["openid", "profile", "email", "offline_access"],
    });
    assert.deepEqual(pages, [provider.issuer]);
    assert.equal(provider.calls.filter((call) => call === "POST /reg").length, 1);
    assert.equal(provider.calls.filter((call) => call === "POST /token").length, 1);
    assert.deepEqual(
      new Set(paths),
      new Set(["POST /mcp", "GET /.well-known/oauth-protected-resource/mcp"]),
    );
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "an access token that AuthKit issued for this server is accepted",
  async () => {
    await using world = await createAuthKitWorld();
    const { tokens, clientId } = await signInAtAuthKit(world, `${SERVER}/mcp`);
    const { result } = await (await callTool(world, tokens.access_token, "whoami")).json();
    assert.equal(result.structuredContent.client_id, clientId);
    assert.equal(result.structuredContent.user_id, "user_alice");
  },
);

testNeeding(PROVIDER_NEEDS, "a challenge leads to AuthKit (RS-1 to RS-3, RS-15)", async () => {
  await using world = await createAuthKitWorld();
  const challenge = await postBody(world, undefined, {});
  assert.equal(challenge.status, 401);
  assert.equal(
    challenge.headers.get("www-authenticate"),
    `Bearer scope="openid profile email", ` +
      `resource_metadata="${SERVER}/.well-known/oauth-protected-resource/mcp"`,
  );
  for (const suffix of ["", "/mcp"]) {
    const response = await world.fetch(`${SERVER}/.well-known/oauth-protected-resource${suffix}`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {
      resource: `${SERVER}/mcp`,
      authorization_servers: [world.provider.issuer],
      scopes_supported: ["openid", "profile", "email"],
      bearer_methods_supported: ["header"],
      resource_name: "MCP server with WorkOS sign-in",
    });
  }
  assert.deepEqual(world.provider.calls, [], "nothing of this needs AuthKit");
});

/** AuthKit's own metadata, as clients of 2025-03-26 find it here. */
async function readProxied(world: AuthKitWorld, suffix = ""): Promise<Response> {
  return await world.fetch(`${SERVER}/.well-known/oauth-authorization-server${suffix}`);
}

testNeeding(
  PROVIDER_NEEDS,
  "a client of the 2025-03-26 revision finds AuthKit's own metadata here",
  async () => {
    await using world = await createAuthKitWorld();
    const path = "/.well-known/oauth-authorization-server";
    const own = await (await fetch(world.provider.issuer + path)).json();
    assert.equal(own.issuer, world.provider.issuer);
    const countFetches = () =>
      world.provider.calls.filter((call) => call === `GET ${path}`).length - 1;
    for (const suffix of ["", "/mcp", ""]) {
      assert.deepEqual(await (await readProxied(world, suffix)).json(), own);
    }
    assert.equal(countFetches(), 1);
    world.advance(300_000);
    await (await readProxied(world)).body?.cancel();
    assert.equal(countFetches(), 2);
  },
);

const NO_METADATA: [string, (issuer: string) => Response][] = [
  ["is away", () => new Response(null, { status: 502 })],
  ["has none", () => new Response("{}", { status: 404 })],
  ["answers with a page", () => new Response("<html>")],
  ["names another issuer", (issuer) => Response.json({ issuer: `${issuer}/other` })],
];
for (const [what, answer] of NO_METADATA) {
  testNeeding(PROVIDER_NEEDS, `metadata of an AuthKit that ${what} is 503, for now`, async () => {
    await using world = await createAuthKitWorld();
    world.provider.faults.answer = () => answer(world.provider.issuer);
    const refused = await readProxied(world);
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    world.provider.faults.answer = undefined;
    assert.equal((await readProxied(world)).status, 200);
  });
}

testNeeding(
  PROVIDER_NEEDS,
  "who registers, signs in or asks for tokens here is sent to AuthKit",
  async () => {
    await using world = await createAuthKitWorld();
    const paths = ["/register", "/authorize", "/token", "/revoke", "/auth/callback", "/consent"];
    for (const path of [...paths, "/webhooks/workos"]) {
      for (const method of ["GET", "POST"]) {
        const response = await world.fetch(SERVER + path, { method });
        assert.equal(response.status, 404, path);
        const { error_description } = await response.json();
        assert.ok(error_description.includes(`AuthKit at ${world.provider.issuer}`));
      }
    }
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "a browser-based client may preflight, and read challenges and metadata",
  async () => {
    await using world = await createAuthKitWorld();
    const preflight = await world.fetch(`${SERVER}/mcp`, {
      method: "OPTIONS",
      headers: { origin: INSPECTOR, "access-control-request-headers": "authorization" },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-headers"), "authorization");
    const challenge = await postBody(world, "wrong", {}, { origin: INSPECTOR });
    assert.equal(challenge.headers.get("access-control-allow-origin"), INSPECTOR);
    const exposed = challenge.headers.get("access-control-expose-headers") ?? "";
    assert.match(exposed, /WWW-Authenticate.*Retry-After/);
    for (const name of ["oauth-protected-resource", "oauth-authorization-server/mcp"]) {
      const url = `${SERVER}/.well-known/${name}`;
      const document = await world.fetch(url, { headers: { origin: INSPECTOR } });
      assert.equal(document.headers.get("access-control-allow-origin"), INSPECTOR);
      await document.body?.cancel();
    }
    const foreign = await postBody(world, undefined, {}, { origin: "https://evil.example" });
    assert.equal(foreign.status, 403);
    const other = await world.fetch("http://evil.example/mcp");
    assert.equal(other.status, 403);
  },
);

testNeeding(PROVIDER_NEEDS, "the probes and the page for people are there", async () => {
  await using world = await createAuthKitWorld();
  assert.deepEqual(await (await world.fetch(`${SERVER}/healthz`)).json(), { ok: true });
  world.provider.faults.answer = () => new Response(null, { status: 502 });
  const waiting = await world.fetch(`${SERVER}/readyz`);
  assert.equal(waiting.status, 503);
  assert.deepEqual(await waiting.json(), { ready: false, workos_keys: false });
  world.provider.faults.answer = undefined;
  world.advance(5000);
  const ready = await world.fetch(`${SERVER}/readyz`);
  assert.equal(ready.status, 200);
  assert.deepEqual(await ready.json(), { ready: true, workos_keys: true });
  world.provider.faults.answer = () => new Response(null, { status: 502 });
  assert.equal((await world.fetch(`${SERVER}/readyz`)).status, 200, "the keys are here");
  const page = await world.fetch(`${SERVER}/`, { headers: { accept: "text/html" } });
  assert.equal(page.status, 200);
  assert.match(await page.text(), new RegExp(`<code>${SERVER}/mcp</code>`));
});
