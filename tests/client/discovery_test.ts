import assert from "node:assert/strict";
import { ExitCode } from "../../lib/errors.ts";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, send, tokensOf } from "./support.ts";

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

// CL-1, CL-13, CL-21: credentials of one authorization server are never shown to another.
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

/** Puts the metadata somewhere else, where the challenge points, while the test wants that. */
function nameMetadata(
  server: FakeServer,
  place: { named: boolean; at: string },
): FakeServer["fetch"] {
  const address = "http://localhost:8000/custom";
  return async (input, init) => {
    if (String(input) === address) {
      if (place.at !== address) return new Response("gone", { status: 404 });
      return await server.fetch("http://localhost:8000/.well-known/oauth-protected-resource/mcp");
    }
    if (String(input).includes("oauth-protected-resource") && place.at === address) {
      return new Response("not here", { status: 404 });
    }
    const response = await server.fetch(input, init);
    const challenge = response.headers.get("www-authenticate");
    if (challenge === null) return response;
    const parameter = /, resource_metadata="[^"]*"/;
    const named = place.named ? `, resource_metadata="${address}"` : "";
    response.headers.set("www-authenticate", challenge.replace(parameter, named));
    return response;
  };
}

// CL-14, CL-15: what an earlier challenge said is no longer so.
Deno.test("a challenge that stops naming the metadata leads to the well-known place", async () => {
  const server = createFakeServer();
  const elsewhere = createFakeServer("http://localhost:9000");
  const place = { named: true, at: "http://localhost:8000/custom" };
  const fetch = nameMetadata(server, place);
  const { context } = createTestClient(server, {
    fetch: (input, init) =>
      new URL(input).port === "9000" ? elsewhere.fetch(input, init) : fetch(input, init),
  });
  assert.equal(await send(context), 200);
  server.expireAccessTokens();
  Object.assign(place, { named: false, at: "well-known" });
  server.faults.authorizationServer = "http://localhost:9000";
  context.openBrowser = undefined;
  context.settings.timeout = 1;
  await assert.rejects(send(context), { code: "sign_in_timeout" });
  assert.equal(elsewhere.counts.registrations, 1);
});

Deno.test("metadata that is not where the challenge says is looked for at the well-known place", async () => {
  const server = createFakeServer();
  const elsewhere = createFakeServer("http://localhost:9000");
  server.faults.authorizationServer = "http://localhost:9000";
  const fetch = nameMetadata(server, { named: true, at: "well-known" });
  const { context } = createTestClient(server, {
    fetch: (input, init) =>
      new URL(input).port === "9000" ? elsewhere.fetch(input, init) : fetch(input, init),
    openBrowser: undefined,
    settings: { timeout: 1 },
  });
  await assert.rejects(send(context), { code: "sign_in_timeout" });
  assert.equal(elsewhere.counts.registrations, 1);
  assert.equal(server.counts.registrations, 0);
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

// CL-22: no metadata about PKCE counts as no PKCE.
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
// CVE-2025-6514, wong2/mcp-cli#16, codex#37077: the address of the sign-in page was handed to a shell.
for (const address of unsafeAddresses) {
  // CL-25: http or https only, http only on this machine.
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

// CVE-2025-58444, GHSA-g9hg-qhmf-q45m: the address of the sign-in page was a script.
for (const address of ["javascript:alert(1)", "data:text/html,x", "not a url"]) {
  // CL-25: no scripts.
  Deno.test(`metadata with the sign-in page ${address} is refused as a whole`, async () => {
    const server = createFakeServer();
    server.faults.metadata = { authorization_endpoint: address };
    const { context } = createTestClient(server);
    await assert.rejects(send(context), { code: "invalid_metadata" });
    assert.equal(server.counts.registrations, 0);
  });
}

// CL-27: no requests into the network of whoever runs the client.
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
