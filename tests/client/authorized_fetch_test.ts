import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import type { ClientContext } from "../../lib/client/context.ts";
import { currentTokens } from "../../lib/client/server_record.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient } from "./support.ts";

/** Sends one request, as the SDK's transport would, and returns the status. */
async function send(context: ClientContext, method = "ping"): Promise<number> {
  const response = await createAuthorizedFetch(context)(context.serverUrl, request(method));
  await response.body?.cancel();
  return response.status;
}

function request(method: string): RequestInit {
  return {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { name: "whoami" } }),
  };
}

async function tokensOf({ cache, serverUrl }: ClientContext) {
  return currentTokens(await cache.read(serverUrl.href))?.tokens;
}

Deno.test("signs in once, then sends the token with the same body", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  assert.equal(await send(context), 200);
  assert.equal(await send(context), 200);
  assert.deepEqual(server.counts, {
    registrations: 1,
    authorizations: 1,
    codeExchanges: 1,
    refreshes: 0,
  });
});

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

Deno.test("eight requests that meet a 401 at once cost one refresh", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  const burst = () =>
    Promise.all(Array.from({ length: 8 }, async () => {
      const response = await authorizedFetch(context.serverUrl, request("ping"));
      await response.body?.cancel();
      return response.status;
    }));
  assert.deepEqual(await burst(), Array(8).fill(200));
  server.expireAccessTokens();
  assert.deepEqual(await burst(), Array(8).fill(200));
  assert.equal(server.counts.authorizations, 1);
  assert.equal(server.counts.refreshes, 1);
});

Deno.test("a token is renewed shortly before it ends, by the clock and without a 401", async () => {
  let time = 1_000_000_000_000;
  const now = () => time;
  const server = createFakeServer(undefined, now);
  let refusals = 0;
  const { context } = createTestClient(server, {
    now,
    async fetch(input, init) {
      const response = await server.fetch(input, init);
      if (response.status === 401) refusals++;
      return response;
    },
  });
  await send(context);
  time += 860_000;
  await send(context);
  assert.equal(server.counts.refreshes, 0);
  time += 11_000;
  await send(context);
  assert.equal(server.counts.refreshes, 1);
  assert.equal(refusals, 1);
});

Deno.test("a token another process has renewed meanwhile is used", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  const other = { ...context };
  server.expireAccessTokens();
  const stale = await context.cache.read(server.url);
  let reads = 0;
  context.cache = {
    ...other.cache,
    read: (url) => reads++ === 0 ? Promise.resolve(stale) : other.cache.read(url),
  };
  await send(other);
  await send(context);
  assert.equal(server.counts.refreshes, 1);
});

const unavailable: [string, () => Response | Promise<Response>][] = [
  ["503", () => new Response("down", { status: 503 })],
  ["429", () => Response.json({ error: "rate_limited" }, { status: 429 })],
  [
    "temporarily_unavailable",
    () => Response.json({ error: "temporarily_unavailable" }, { status: 400 }),
  ],
  ["a page instead of JSON", () => new Response("<html>", { status: 404 })],
  ["no connection", () => Promise.reject(new TypeError("connection reset"))],
];
for (const [name, answer] of unavailable) {
  Deno.test(`a refresh that meets ${name} keeps the tokens and opens no browser`, async () => {
    const server = createFakeServer();
    const { context } = createTestClient(server);
    await send(context);
    const before = await tokensOf(context);
    server.expireAccessTokens();
    server.faults.tokenAnswers.push(answer);
    await assert.rejects(send(context), (error) => {
      assert(error instanceof CommandError);
      assert.equal(error.exitCode, ExitCode.unreachable);
      return true;
    });
    assert.deepEqual(await tokensOf(context), before);
    assert.equal(await send(context), 200);
    assert.equal(server.counts.authorizations, 1);
  });
}

Deno.test("a refresh that names no scopes and no refresh token changes neither", async () => {
  const server = createFakeServer();
  server.faults.grantOnly = "openid";
  const { context } = createTestClient(server, { settings: { scope: "openid email" } });
  await send(context);
  const before = await tokensOf(context);
  server.expireAccessTokens();
  server.faults.tokenAnswers.push(() =>
    Response.json({ access_token: "new", token_type: "Bearer" })
  );
  await assert.rejects(send({ ...context, listen: () => assert.fail("a sign-in was begun") }));
  const after = await tokensOf(context);
  assert.equal(after?.access_token, "new");
  assert.equal(after?.scope, "openid");
  assert.equal(after?.refresh_token, before?.refresh_token);
});

Deno.test("metadata that cannot be had right now leads to no sign-in elsewhere", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server, {
    fetch: (input, init) =>
      String(input).includes("oauth-protected-resource")
        ? Promise.resolve(new Response("down", { status: 503 }))
        : server.fetch(input, init),
  });
  await assert.rejects(send(context), { exitCode: ExitCode.unreachable });
  assert.equal(server.counts.registrations, 0);
});

Deno.test("invalid_grant ends the tokens and leads to one sign-in with the same client", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.revokeEverything();
  assert.equal(await send(context), 200);
  assert.equal(server.counts.authorizations, 2);
  assert.equal(server.counts.registrations, 1);
});

Deno.test("invalid_client leads to one new registration", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.expireAccessTokens();
  server.forgetClients();
  assert.equal(await send(context), 200);
  assert.equal(server.counts.authorizations, 2);
  assert.equal(server.counts.registrations, 2);
});

Deno.test("the loser of a refresh race uses the winner's tokens and does not delete them", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.expireAccessTokens();
  server.faults.tokenAnswers.push(async () => {
    await send({ ...context });
    return Response.json({ error: "invalid_grant" }, { status: 400 });
  });
  assert.equal(await send(context), 200);
  assert.equal(server.counts.refreshes, 1);
  assert.equal(server.counts.authorizations, 1);
});

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

Deno.test("a server that refuses the token it just gave is not asked again", async () => {
  const server = createFakeServer();
  server.faults.tokenLifetime = -1;
  const { context } = createTestClient(server);
  await assert.rejects(send(context), { code: "token_refused", exitCode: ExitCode.notAuthorized });
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("an authorization server that moved is found, with new credentials for it", async () => {
  const server = createFakeServer();
  const elsewhere = createFakeServer("http://localhost:9000");
  const { context } = createTestClient(server, {
    fetch: (input, init) =>
      (new URL(input).port === "9000" ? elsewhere : server).fetch(input, init),
    openBrowser: undefined,
    settings: { timeout: 1 },
  });
  const { context: before } = createTestClient(server, { cache: context.cache });
  await send(before);
  const refreshToken = (await tokensOf(context))?.refresh_token ?? "";
  server.expireAccessTokens();
  server.faults.authorizationServer = "http://localhost:9000";
  const sent: string[] = [];
  const { fetch } = context;
  context.fetch = (input, init) => {
    sent.push(`${input} ${init?.body ?? ""}`);
    return fetch(input, init);
  };
  await assert.rejects(send(context), { code: "sign_in_timeout" });
  assert.equal(elsewhere.counts.registrations, 1);
  assert.equal(server.counts.registrations, 1);
  assert(!sent.some((text) => text.includes(refreshToken)));
});

Deno.test("a server without any metadata is signed in to at its origin", async () => {
  const server = createFakeServer();
  server.faults.noMetadata = true;
  const { context } = createTestClient(server);
  assert.equal(await send(context), 200);
  server.expireAccessTokens();
  assert.equal(await send(context), 200);
  assert.equal(server.counts.authorizations, 1);
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

Deno.test("an authorization server without S256 is refused before anything is opened", async () => {
  for (const methods of [undefined, [], ["plain"]]) {
    const server = createFakeServer();
    server.faults.metadata = { code_challenge_methods_supported: methods };
    const { context } = createTestClient(server);
    await assert.rejects(send(context), { code: "pkce_unsupported" });
    assert.equal(server.counts.registrations, 0);
  }
});

const unsafeAddresses = [
  "file:///etc/passwd",
  "vscode://x/y",
  "http://evil.example/authorize",
  "https://user:password@evil.example/authorize",
  "http://$(calc.exe)/",
];
for (const address of unsafeAddresses) {
  Deno.test(`the sign-in page ${address} is neither opened nor shown`, async () => {
    const server = createFakeServer();
    server.faults.metadata = { authorization_endpoint: address };
    const { context, steps } = createTestClient(server, {
      openBrowser: () => assert.fail("the browser was opened"),
    });
    await assert.rejects(send(context), { exitCode: ExitCode.notAuthorized });
    assert(!steps.some(({ name }) => name === "authorization_url"));
  });
}

for (const address of ["javascript:alert(1)", "data:text/html,x", "not a url"]) {
  Deno.test(`metadata with the sign-in page ${address} is refused as a whole`, async () => {
    const server = createFakeServer();
    server.faults.metadata = { authorization_endpoint: address };
    const { context } = createTestClient(server);
    await assert.rejects(send(context), { code: "invalid_metadata" });
    assert.equal(server.counts.registrations, 0);
  });
}

Deno.test("a remote server cannot aim requests at this machine", async () => {
  const server = createFakeServer("https://mcp.example.com");
  for (const address of ["http://localhost:6379", "https://127.0.0.1", "http://10.0.0.1"]) {
    server.faults.authorizationServer = address;
    const { context } = createTestClient(server);
    await assert.rejects(send(context), { code: "unsafe_url" });
  }
});

Deno.test("metadata of another resource is refused", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server, {
    fetch: (input, init) =>
      String(input).includes("oauth-protected-resource")
        ? Promise.resolve(Response.json({
          resource: "http://localhost:8000/other",
          authorization_servers: ["http://localhost:8000"],
        }))
        : server.fetch(input, init),
  });
  await assert.rejects(send(context), { code: "resource_mismatch" });
});
