/** How this client becomes known to an authorization server (CL-29). */

import assert from "node:assert/strict";
import { updateRecord } from "../../lib/client/token_cache.ts";
import { ExitCode } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, failureOf, signIn } from "./support.ts";

// CL-20, CL-38: the reason, and the way out.
Deno.test("a rejected registration is explained", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server, {
    fetch: (input, init) =>
      String(input).endsWith("/register")
        ? Promise.resolve(Response.json({
          error: "invalid_redirect_uri",
          error_description: "Only https is allowed.",
        }, { status: 400 }))
        : server.fetch(input, init),
  });
  const failure = await failureOf(context);
  assert.equal(failure.code, "registration_rejected");
  assert.equal(
    failure.message,
    "The authorization server does not let this client register (HTTP 400, invalid_redirect_uri: " +
      "Only https is allowed). It may accept another address to come back to: try --callback-host " +
      "localhost, or a --callback-port. If it knows a client already, name it with --client-id.",
  );
});

Deno.test("a client id metadata document is used where it is supported", async () => {
  const server = createFakeServer();
  server.faults.metadata = { client_id_metadata_document_supported: true };
  const clientMetadataUrl = "https://app.example/client.json";
  const { context } = createTestClient(server, {
    settings: { clientMetadataUrl, timeout: 1 },
  });
  // The fake server knows registered clients only, so the browser goes no further.
  await failureOf(context);
  assert.equal(server.authorizationRequests[0]?.get("client_id"), clientMetadataUrl);
  assert.equal(server.counts.registrations, 0);
});

Deno.test("a client id metadata document that is not supported is said to be of no use", async () => {
  const server = createFakeServer();
  const clientMetadataUrl = "https://app.example/client.json";
  const { context, steps } = createTestClient(server, { settings: { clientMetadataUrl } });
  await signIn(context);
  assert.equal(server.counts.registrations, 1);
  const said = steps.find(({ name }) => name === "metadata_document_unused");
  assert.match(
    said?.text ?? "",
    /^http:\/\/localhost:8000 does not take .* registers there instead/,
  );
});

// fastmcp 981a69d83: the sign-in was tried again and again with a secret that had run out.
Deno.test("a registration whose secret has run out is replaced before the browser opens", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await signIn(context);
  server.revokeEverything();
  await updateRecord(context.cache, server.url, (record) => {
    const client = record.issuers["http://localhost:8000"]?.registration?.client;
    assert(client);
    Object.assign(client, { client_secret: "s", client_secret_expires_at: 1 });
    return record;
  });
  const { listen, openBrowser } = createTestClient(server).context;
  await signIn({ ...context, listen, openBrowser });
  assert.equal(server.counts.registrations, 2);
});

// CL-30, CL-38: credentials given beforehand stay with the server they were first used with.
Deno.test("a client of the user does not register, and its secret goes to its own server only", async () => {
  const server = createFakeServer();
  const elsewhere = createFakeServer("http://localhost:9000");
  const settings = { clientId: "", clientSecret: "hush" };
  const { context } = createTestClient(server, { settings });
  const response = await server.fetch("http://localhost:8000/register", {
    method: "POST",
    body: "{}",
  });
  context.settings.clientId = (await response.json()).client_id;
  server.faults.metadata = { token_endpoint_auth_methods_supported: ["client_secret_post"] };
  await signIn(context);
  assert.equal(server.counts.registrations, 1);

  server.expireAccessTokens();
  server.faults.authorizationServer = "http://localhost:9000";
  context.fetch = (input, init) =>
    (new URL(input).port === "9000" ? elsewhere : server).fetch(input, init);
  assert.equal((await failureOf(context)).code, "authorization_server_changed");
  assert.equal(elsewhere.counts.authorizations, 0);
});

Deno.test("where clients cannot register, the person is told how to name one", async () => {
  const server = createFakeServer();
  server.faults.metadata = { registration_endpoint: undefined };
  const { context } = createTestClient(server);
  const failure = await failureOf(context);
  assert.equal(failure.code, "registration_unsupported");
  assert.equal(failure.exitCode, ExitCode.notAuthorized);
  assert.match(failure.message, /--client-id/);
  assert.equal(server.counts.authorizations, 0);
});
