import assert from "node:assert/strict";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { diagnose, type Lies } from "./doctor_support.ts";

const RESOURCE_METADATA = "/.well-known/oauth-protected-resource/mcp";
const SERVER_METADATA = "/.well-known/oauth-authorization-server";

const page = () =>
  new Response("<!doctype html><title>App</title>", { headers: { "content-type": "text/html" } });
const resource = (metadata: Record<string, unknown>): Lies => ({
  [RESOURCE_METADATA]: () =>
    Response.json({
      resource: "http://localhost:8000/mcp",
      authorization_servers: ["http://localhost:8000"],
      ...metadata,
    }),
});

/** A server whose authorization server says other things of itself than usual. */
function withMetadata(metadata: Record<string, unknown>): FakeServer {
  const server = createFakeServer();
  server.faults.metadata = metadata;
  return server;
}

Deno.test("resource metadata that the challenge names but nobody has is a warning", async () => {
  const missing = [page, () => new Response(null, { status: 404 }), () => Response.json({})];
  for (const answer of missing) {
    const { exitCode, find, outcome } = await diagnose(createFakeServer(), {
      lies: { [RESOURCE_METADATA]: answer },
    });
    assert.equal(outcome("resource_metadata"), "no_resource_metadata");
    assert.equal(find("resource_metadata").looked_at, `http://localhost:8000${RESOURCE_METADATA}`);
    assert.equal(exitCode, 0);
  }
});

Deno.test("why resource metadata cannot be read is said", async () => {
  const reasons: [() => Response, RegExp][] = [
    [page, /it is not JSON but perhaps a web page/],
    [() => Response.json({ resource: 7 }), /missing or wrong in it: resource/],
  ];
  for (const [answer, reason] of reasons) {
    const { text } = await diagnose(createFakeServer(), { lies: { [RESOURCE_METADATA]: answer } });
    assert.match(text, reason);
  }
});

Deno.test("resource metadata of another server is a problem of the server", async () => {
  const lies = resource({ resource: "http://localhost:8000/other" });
  const { exitCode, find, outcome } = await diagnose(createFakeServer(), { lies });
  assert.equal(outcome("resource_metadata"), "resource_mismatch");
  assert.equal(find("resource_metadata").seen, "for http://localhost:8000/other");
  assert.equal(outcome("authorization_server"), "ok");
  assert.equal(exitCode, 3);
});

// python-sdk#1919, opencode#50036: a slash more or less, and other clients refuse.
Deno.test("resource metadata that only covers the server is a warning", async () => {
  const lies = resource({ resource: "http://localhost:8000/" });
  const { exitCode, outcome } = await diagnose(createFakeServer(), { lies });
  assert.equal(outcome("resource_metadata"), "resource_differs");
  assert.equal(exitCode, 0);
});

Deno.test("resource metadata without an authorization server is a warning", async () => {
  const lies = resource({ authorization_servers: [] });
  const { exitCode, outcome } = await diagnose(createFakeServer(), { lies });
  assert.equal(outcome("resource_metadata"), "no_authorization_server");
  assert.equal(exitCode, 0);
});

Deno.test("resource metadata that cannot be had now ends with 4", async () => {
  const { exitCode, outcome } = await diagnose(createFakeServer(), {
    lies: { [RESOURCE_METADATA]: () => new Response(null, { status: 503 }) },
  });
  assert.equal(outcome("resource_metadata"), "authorization_server_unavailable");
  assert.equal(outcome("authorization_server"), "skipped");
  assert.equal(exitCode, 4);
});

Deno.test("a remote server that names addresses on this machine is found out", async () => {
  const server = createFakeServer("https://mcp.example.com");
  server.faults.authorizationServer = "http://localhost:6379";
  const { exitCode, requests, outcome } = await diagnose(server);
  assert.equal(outcome("resource_metadata"), "unsafe_url");
  assert.equal(outcome("registration"), "skipped");
  assert.equal(exitCode, 3);
  assert(!requests.includes(`GET ${SERVER_METADATA}`));
});

// CL-17: metadata of another issuer is not used.
Deno.test("an issuer that is not the one looked up is shown, and used for nothing", async () => {
  const server = withMetadata({ issuer: "https://evil.example" });
  const { exitCode, find, outcome, requests } = await diagnose(server);
  assert.equal(outcome("authorization_server"), "issuer_mismatch");
  assert.equal(find("authorization_server").seen, "calls itself https://evil.example");
  assert.equal(exitCode, 3);
  assert(!requests.includes("POST /register"));
});

// python-sdk#1919, mcp-auth-proxy#123.
Deno.test("a slash more in the issuer's address is a warning", async () => {
  const server = createFakeServer();
  server.faults.authorizationServer = "http://localhost:8000/";
  const { exitCode, outcome } = await diagnose(server);
  assert.equal(outcome("authorization_server"), "issuer_slash");
  assert.equal(exitCode, 0);
});

Deno.test("metadata of an authorization server that is no metadata is a problem", async () => {
  const broken: [Lies, RegExp][] = [
    [{ [SERVER_METADATA]: page }, /it is not JSON but perhaps a web page/],
    [
      { [SERVER_METADATA]: () => Response.json({ issuer: "x" }) },
      /missing or wrong in it: .*token/,
    ],
  ];
  for (const [lies, reason] of broken) {
    const { exitCode, outcome, text } = await diagnose(createFakeServer(), { lies });
    assert.equal(outcome("authorization_server"), "invalid_metadata");
    assert.match(text, reason);
    assert.equal(exitCode, 3);
  }
});

Deno.test("an authorization server that cannot be reached ends with 4, and is named", async () => {
  const server = createFakeServer();
  server.faults.authorizationServer = "https://login.example";
  const { exitCode, find, outcome, text } = await diagnose(server, {
    fetch: (input, init) => server.fetch(input, init),
  });
  assert.equal(outcome("authorization_server"), "unreachable");
  assert.equal(find("connection").status, "ok");
  assert.match(text, /https:\/\/login\.example, cannot be reached/);
  assert.match(text, /up to whoever runs the authorization server/);
  assert.equal(exitCode, 4);
});

Deno.test("metadata in the place of OpenID Connect is found", async () => {
  const server = createFakeServer();
  const { outcome, find } = await diagnose(server, {
    lies: {
      [SERVER_METADATA]: () => new Response(null, { status: 404 }),
      "/.well-known/openid-configuration": () =>
        Response.json({
          issuer: "http://localhost:8000",
          authorization_endpoint: "http://localhost:8000/authorize",
          token_endpoint: "http://localhost:8000/token",
          registration_endpoint: "http://localhost:8000/register",
          revocation_endpoint: "http://localhost:8000/revoke",
          jwks_uri: "http://localhost:8000/jwks",
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
          code_challenge_methods_supported: ["S256"],
        }),
    },
  });
  assert.equal(outcome("authorization_server"), "ok");
  assert.match(find("authorization_server").looked_at, /openid-configuration$/);
  assert.equal(outcome("revocation"), "ok");
});

const lies: [string, Record<string, unknown>, string][] = [
  ["gives no codes", { response_types_supported: ["token"] }, "no_code_flow"],
  ["has its sign-in page elsewhere", {
    authorization_endpoint: "http://evil.example/authorize",
  }, "unsafe_url"],
  ["has its tokens elsewhere", { token_endpoint: "http://evil.example/token" }, "unsafe_url"],
];
for (const [name, metadata, code] of lies) {
  Deno.test(`an authorization server that ${name} cannot be used`, async () => {
    const { exitCode, outcome } = await diagnose(withMetadata(metadata));
    assert.equal(outcome("authorization_server"), code);
    assert.equal(exitCode, 3);
  });
}

for (const methods of [undefined, [], ["plain"]]) {
  Deno.test(`PKCE with ${methods?.join() ?? "nothing said"} is a problem (CL-22)`, async () => {
    const server = withMetadata({ code_challenge_methods_supported: methods });
    const { exitCode, find, outcome } = await diagnose(server);
    assert.equal(outcome("pkce"), "pkce_unsupported");
    assert.match(find("pkce").seen, methods === undefined ? /not mentioned/ : /^only/);
    assert.equal(exitCode, 3);
  });
}
