import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, request, send } from "./support.ts";

Deno.test("signs in once, then sends the token with the same body", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  assert.equal(await send(context), 200);
  assert.equal(await send(context), 200);
  assert.deepEqual(server.counts, {
    registrations: 1,
    authorizations: 1,
    probes: 0,
    codeExchanges: 1,
    refreshes: 0,
  });
});

// CL-4, CL-15, CL-19, CL-23, CL-31, CL-34, CL-37: the challenge decides the scope, not what is
// supported, and what the client registers says that it runs on this machine.
Deno.test("asks for what the challenge names, with PKCE, state and the resource", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  const asked = server.authorizationRequests[0];
  assert.equal(asked?.get("scope"), "openid");
  assert.equal(asked?.get("code_challenge_method"), "S256");
  assert.equal(asked?.get("resource"), server.url);
  assert.equal(asked?.get("state")?.length, 43);
  assert.deepEqual(server.registrations[0], {
    client_name: "WorkOS MCP client",
    redirect_uris: ["http://127.0.0.1:40000/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    application_type: "native",
    token_endpoint_auth_method: "none",
    scope: "openid",
  });
});

Deno.test("--scope is asked for instead of what the server suggests", async () => {
  const server = createFakeServer();
  await send(createTestClient(server, { settings: { scope: "openid email" } }).context);
  assert.equal(server.authorizationRequests[0]?.get("scope"), "openid email");
});

// CL-4, CL-32: the scope of a challenge need not be among those the metadata names.
Deno.test("a 403 for a scope leads to one sign-in for the old and the new scopes", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.faults.toolScope = "members:read";
  assert.equal(await send(context, "tools/call"), 200);
  assert.equal(server.counts.authorizations, 2);
  assert.equal(server.counts.refreshes, 0);
  assert.equal(server.authorizationRequests[1]?.get("scope"), "openid members:read");
});

// CL-33: an upgrade that failed is remembered.
Deno.test("a scope that is not granted is asked for once, not again and again", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  server.faults.grantOnly = "openid";
  server.faults.toolScope = "members:read";
  for (let call = 0; call < 3; call++) {
    await assert.rejects(authorizedFetch(context.serverUrl, request("tools/call")), {
      code: "insufficient_scope",
      exitCode: ExitCode.notAuthorized,
    });
  }
  assert.equal(server.counts.authorizations, 2);
});

// python-sdk#3243, mcp-remote#306: what one program asks a person for serves all.
Deno.test("of eight requests that need a sign-in, in two connections, one asks for it", async () => {
  const server = createFakeServer();
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve));
  const { context } = createTestClient(server, { cache: createMemoryTokenCache(pause) });
  const connections = [createAuthorizedFetch(context), createAuthorizedFetch({ ...context })];
  const burst = async (method: string) => {
    const answers = Array.from({ length: 8 }, async (_, index) => {
      const response = await connections[index % 2]?.(context.serverUrl, request(method));
      await response?.body?.cancel();
      return response?.status;
    });
    assert.deepEqual(await Promise.all(answers), Array(8).fill(200));
  };
  await burst("ping");
  assert.equal(server.counts.authorizations, 1);
  server.faults.toolScope = "members:read";
  await burst("tools/call");
  assert.equal(server.counts.authorizations, 2);
});

// plane#8926, mcp-server-neon#186: a night of refusals left a window full of tabs.
Deno.test("a server that refuses what it gave is signed in to once, not for every request", async () => {
  const server = createFakeServer();
  server.faults.tokenLifetime = -1;
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  const codes = ["token_refused", "sign_in_repeated", "sign_in_repeated"];
  for (const code of codes) {
    await assert.rejects(authorizedFetch(context.serverUrl, request("ping")), {
      code,
      exitCode: ExitCode.notAuthorized,
    });
  }
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("a sign-in that met an outage is not asked for again by the same connection", async () => {
  const server = createFakeServer();
  server.faults.tokenAnswers.push(() => new Response("down", { status: 503 }));
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(authorizedFetch(context.serverUrl, request("ping")), {
      code: "authorization_server_unavailable",
      exitCode: ExitCode.unreachable,
    });
  }
  assert.equal(server.counts.authorizations, 1);
});

// claude-code#44652, #28258: every call met another 403.
// CL-33: upgrades are limited.
Deno.test("a server that wants ever new scopes is given up after a few sign-ins", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  const codes = new Set<unknown>();
  for (let call = 0; call < 10; call++) {
    server.faults.toolScope = `scope-${call}`;
    try {
      await (await authorizedFetch(context.serverUrl, request("tools/call"))).body?.cancel();
    } catch (error) {
      codes.add(error instanceof CommandError && error.code);
    }
  }
  assert.deepEqual([...codes], ["sign_in_repeated"]);
  assert.equal(server.counts.authorizations, 5);
});

Deno.test("a second sign-in is asked for only if it is for other scopes", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server, {
    async fetch(input, init) {
      const response = await server.fetch(input, init);
      const challenge = response.headers.get("www-authenticate");
      if (challenge && server.counts.authorizations > 0) {
        response.headers.set("www-authenticate", challenge.replace('scope="openid", ', ""));
      }
      return response;
    },
  });
  const authorizedFetch = createAuthorizedFetch(context);
  await (await authorizedFetch(server.url, request("ping"))).body?.cancel();
  server.revokeEverything();
  await assert.rejects(authorizedFetch(server.url, request("ping")), { code: "sign_in_repeated" });
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("a sign-in that another program deletes is not asked for again", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  assert.equal((await authorizedFetch(server.url, request("ping"))).status, 200);
  await context.cache.remove();
  await assert.rejects(authorizedFetch(server.url, request("ping")), {
    code: "signed_out",
    exitCode: ExitCode.notAuthorized,
  });
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("a token that still lives is used while another program signs in", async () => {
  let time = 1_000_000_000_000;
  const now = () => time;
  const server = createFakeServer(undefined, now);
  let pauses = 0;
  const cache = createMemoryTokenCache(() => Promise.resolve(void pauses++));
  const { context } = createTestClient(server, { now, cache });
  await send(context);
  time += 880_000;
  const { promise: signInElsewhere, resolve: endIt } = Promise.withResolvers<void>();
  const wait = { patience: 0, signal: context.signal };
  const elsewhere = context.cache.exclusive(server.url, () => signInElsewhere, wait);
  assert.equal(await send(context), 200);
  assert.equal(server.counts.refreshes, 0);
  assert.equal(pauses, 0);
  endIt();
  await elsewhere;
  assert.equal(await send(context), 200);
  assert.equal(server.counts.refreshes, 1);
});

Deno.test("the token does not follow a redirect to another origin", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  const seen: (string | null)[] = [];
  context.fetch = (_input, init) => {
    seen.push(new Headers(init?.headers).get("authorization"));
    return Promise.resolve(new Response("elsewhere"));
  };
  await createAuthorizedFetch(context)("http://localhost:9000/mcp", request("ping"));
  assert.deepEqual(seen, [null]);
});
