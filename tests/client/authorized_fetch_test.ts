import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import { ExitCode } from "../../lib/errors.ts";
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
