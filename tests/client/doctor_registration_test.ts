import assert from "node:assert/strict";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { diagnose, type Lies } from "./doctor_support.ts";

const SERVER = "http://localhost:8000/mcp";
const DOCUMENT = "https://client.example/metadata.json";

const refusals: [number, string, number][] = [
  [401, "registration_closed", 3],
  [403, "registration_closed", 3],
  [404, "no_registration", 3],
  [405, "no_registration", 3],
  [429, "registration_unavailable", 4],
  [500, "registration_unavailable", 4],
  [503, "registration_unavailable", 4],
];
for (const [status, code, exitCode] of refusals) {
  Deno.test(`a registration endpoint that answers ${status} is no way in`, async () => {
    const diagnosis = await diagnose(createFakeServer(), {
      lies: { "/register": () => new Response(null, { status }) },
    });
    assert.equal(diagnosis.outcome("registration"), code);
    assert.equal(diagnosis.outcome("redirect_uri"), "skipped");
    assert.equal(diagnosis.outcome("token_endpoint"), "ok");
    assert.equal(diagnosis.exitCode, exitCode);
  });
}

const strangeAnswers: [string, () => Response, string, number][] = [
  ["a success that is none", () => Response.json({}, { status: 201 }), "no_registration", 3],
  ["a page", () => new Response("<h1>"), "no_registration", 3],
  [
    "a client",
    () => Response.json({ client_id: "x" }, { status: 201 }),
    "registration_careless",
    0,
  ],
  ["that it lets nobody", () => refusal("access_denied"), "registration_closed", 3],
];
const refusal = (error: string) => Response.json({ error }, { status: 400 });
for (const [name, answer, code, exitCode] of strangeAnswers) {
  Deno.test(`a registration endpoint that answers nonsense with ${name}`, async () => {
    const diagnosis = await diagnose(createFakeServer(), { lies: { "/register": answer } });
    assert.equal(diagnosis.outcome("registration"), code);
    assert.equal(diagnosis.exitCode, exitCode);
  });
}

Deno.test("a redirect URI that is refused is told from one that is missing, without registering", async () => {
  const bodies: string[] = [];
  const look = (answer: (body: string) => string) =>
    diagnose(createFakeServer(), {
      lies: {
        async "/register"(request) {
          const body = await request.text();
          bodies.push(body);
          return refusal(answer(body));
        },
      },
    });
  const closed = await look(() => "invalid_redirect_uri");
  assert.equal(closed.outcome("registration"), "redirect_uri_refused");
  assert.equal(closed.exitCode, 3);
  const lenient = await look((body) =>
    body === "{" ? "invalid_redirect_uri" : "invalid_client_metadata"
  );
  assert.equal(lenient.outcome("registration"), "ok");
  assert.equal(lenient.exitCode, 0);
  for (const body of bodies.filter((text) => text !== "{")) {
    const { redirect_uris, grant_types } = JSON.parse(body);
    assert.deepEqual(redirect_uris, ["http://127.0.0.1:40000/callback"]);
    assert.equal(grant_types, 0, "no server may take it for a registration");
  }
});

Deno.test("without any way to register, --client-id is the advice, and the way out", async () => {
  const server = createFakeServer();
  server.faults.metadata = { registration_endpoint: undefined };
  const { exitCode, outcome, text } = await diagnose(server);
  assert.equal(outcome("registration"), "registration_unsupported");
  assert.match(text, /--client-id/);
  assert.equal(exitCode, 3);

  const lies: Lies = { "/authorize": () => new Response("<form>") };
  const given = await diagnose(server, { settings: { clientId: "mine" }, lies });
  assert.equal(given.find("registration").seen, "given: mine");
  assert.equal(given.outcome("redirect_uri"), "ok");
  assert.equal(given.exitCode, 0);
});

// CL-38: the secret of a client goes to the authorization server it was first used with, only.
Deno.test("a given client that belongs to another authorization server is a problem", async () => {
  const cache = createMemoryTokenCache();
  await cache.write(SERVER, {
    pre_registered: { client_id: "mine", issuer: "https://old.example" },
    issuers: {},
  });
  const settings = { clientId: "mine", clientSecret: "not-shown" };
  const { exitCode, outcome, text } = await diagnose(createFakeServer(), { cache, settings });
  assert.equal(outcome("registration"), "authorization_server_changed");
  assert.equal(exitCode, 3);
  assert.doesNotMatch(text, /not-shown/);
});

const documents: [string, Record<string, unknown> | undefined, string][] = [
  ["fits", { client_id: DOCUMENT, redirect_uris: ["http://127.0.0.1/callback"] }, "ok"],
  [
    "is of another client",
    { client_id: "https://x.example/", redirect_uris: ["http://127.0.0.1/callback"] },
    "invalid_client_metadata_document",
  ],
  [
    "has another redirect URI",
    { client_id: DOCUMENT, redirect_uris: ["http://localhost/callback"] },
    "invalid_client_metadata_document",
  ],
  ["is not there", undefined, "invalid_client_metadata_document"],
];
for (const [name, document, code] of documents) {
  Deno.test(`a client id metadata document that ${name} (CL-18)`, async () => {
    const server = createFakeServer();
    server.faults.metadata = { client_id_metadata_document_supported: true };
    const { outcome } = await diagnose(server, {
      settings: { clientMetadataUrl: DOCUMENT },
      lies: {
        "/metadata.json": () =>
          document ? Response.json(document) : new Response(null, { status: 404 }),
        "/authorize": () => new Response("<form>"),
      },
    });
    assert.equal(outcome("registration"), code);
  });
}

Deno.test("a page in place of the token endpoint is a problem", async () => {
  const { exitCode, outcome } = await diagnose(createFakeServer(), {
    lies: { "/token": () => new Response("<h1>", { headers: { "content-type": "text/html" } }) },
  });
  assert.equal(outcome("token_endpoint"), "token_endpoint_unclear");
  assert.equal(exitCode, 3);
});

const tokenAnswers: [number, string, number][] = [
  [200, "token_endpoint_lenient", 0],
  [400, "ok", 0],
  [401, "ok", 0],
  [404, "no_token_endpoint", 3],
  [405, "no_token_endpoint", 3],
  [503, "authorization_server_unavailable", 4],
];
for (const [status, code, exitCode] of tokenAnswers) {
  Deno.test(`a token endpoint that answers ${status} without a code`, async () => {
    const diagnosis = await diagnose(createFakeServer(), {
      lies: { "/token": () => Response.json({ error: "x" }, { status }) },
    });
    assert.equal(diagnosis.outcome("token_endpoint"), code);
    assert.equal(diagnosis.exitCode, exitCode);
  });
}

Deno.test("a server that cannot revoke, or names an unsafe place for it, gets a warning", async () => {
  const server = createFakeServer();
  server.faults.metadata = { revocation_endpoint: undefined };
  const without = await diagnose(server);
  assert.equal(without.outcome("revocation"), "no_revocation");
  server.faults.metadata = { revocation_endpoint: "http://evil.example/revoke" };
  const unsafe = await diagnose(server);
  assert.equal(unsafe.outcome("revocation"), "unsafe_url");
  assert.equal(unsafe.exitCode, 0);
});
