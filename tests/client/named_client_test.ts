/** A client that the user registered by hand, in the runs after the one that named it. */

import assert from "node:assert/strict";
import type { ClientContext } from "../../lib/client/context.ts";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, send } from "./support.ts";

/** Signs in with a client of the user, and comes back without a word of it. */
async function comeBack(): Promise<
  { server: FakeServer; context: ClientContext; asked: URLSearchParams[]; clientId: string }
> {
  const server = createFakeServer();
  server.faults.metadata = {
    token_endpoint_auth_methods_supported: ["client_secret_post"],
    registration_endpoint: undefined,
  };
  const answer = await server.fetch("http://localhost:8000/register", {
    method: "POST",
    body: "{}",
  });
  const { client_id: clientId } = await answer.json();
  const settings = { clientId, clientSecret: "hush" };
  const { cache } = createTestClient(server, { settings }).context;
  await send(createTestClient(server, { settings, cache }).context);
  const asked: URLSearchParams[] = [];
  const { context } = createTestClient(server, {
    cache,
    fetch: (input, init) => {
      if (String(input).endsWith("/token")) asked.push(new URLSearchParams(String(init?.body)));
      return server.fetch(input, init);
    },
  });
  return { server, context, asked, clientId };
}

Deno.test("a later run renews the tokens of the client that was named, with its secret", async () => {
  const { server, context, asked, clientId } = await comeBack();
  server.expireAccessTokens();
  assert.equal(await send(context), 200);
  assert.equal(server.counts.authorizations, 1);
  const [request] = asked;
  assert.equal(request?.get("grant_type"), "refresh_token");
  assert.equal(request?.get("client_id"), clientId);
  assert.equal(request?.get("client_secret"), "hush");
});

Deno.test("a later sign-in uses the client that was named, too", async () => {
  const { server, context, clientId } = await comeBack();
  server.revokeEverything();
  assert.equal(await send(context), 200);
  assert.equal(server.authorizationRequests[1]?.get("client_id"), clientId);
  assert.equal(server.counts.registrations, 1);
});

// CL-38: naming it once is enough, also for that.
Deno.test("a client that was named once does not follow to another authorization server", async () => {
  const { server, context, asked } = await comeBack();
  const elsewhere = createFakeServer("http://localhost:9000");
  server.faults.authorizationServer = "http://localhost:9000";
  server.expireAccessTokens();
  const { fetch } = context;
  context.fetch = (input, init) =>
    new URL(input).port === "9000" ? elsewhere.fetch(input, init) : fetch(input, init);
  await assert.rejects(send(context), { code: "authorization_server_changed" });
  assert.deepEqual(asked, []);
  assert.equal(elsewhere.counts.registrations, 0);
});
