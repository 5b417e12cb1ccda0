import assert from "node:assert/strict";
import type { SignInSettings } from "../../lib/client/context.ts";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import type { TokenCache } from "../../lib/client/token_cache.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { diagnose, type Lies } from "./doctor_support.ts";

const SERVER = "http://localhost:8000/mcp";
const ISSUER = "http://localhost:8000";
const DOCUMENT = "https://client.example/metadata.json";
const CALLBACK = "http://127.0.0.1:40000/callback";

/** A cache in which this client is registered. */
async function registeredCache(): Promise<TokenCache> {
  const cache = createMemoryTokenCache();
  await cache.write(SERVER, {
    issuers: {
      [ISSUER]: {
        registration: { client: { client_id: "known", issuer: ISSUER }, redirect_uri: CALLBACK },
      },
    },
  });
  return cache;
}

const refusals: [number, string, number][] = [
  [401, "registration_closed", 3],
  [403, "registration_closed", 3],
  [404, "no_registration", 3],
  [405, "no_registration", 3],
  [429, "registration_unavailable", 4],
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

for (const status of [201, 500]) {
  Deno.test(`a registration endpoint that answers nonsense with ${status} says nothing`, async () => {
    const { exitCode, outcome } = await diagnose(createFakeServer(), {
      lies: { "/register": () => Response.json({}, { status }) },
    });
    assert.equal(outcome("registration"), "registration_unclear");
    assert.equal(exitCode, 0);
  });
}

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

/** Answers of the authorization endpoint to a registered client, and what they mean. */
const answers: [string, () => Response, string, number][] = [
  ["a page", () => new Response("<form>"), "ok", 0],
  ["its login", () => redirect("https://login.example/start"), "ok", 0],
  ["the login it asks for", () => redirect(`${CALLBACK}?error=login_required`), "ok", 0],
  ["an error page", () => new Response(null, { status: 400 }), "authorization_refused", 3],
  ["a redirect to an error page", () => redirect("/oops?error=bad"), "authorization_refused", 3],
  [
    "an error in the redirect",
    () => redirect(`${CALLBACK}?error=invalid_target`),
    "authorization_refused",
    3,
  ],
  [
    "an error that passes",
    () => redirect(`${CALLBACK}?error=temporarily_unavailable`),
    "authorization_refused",
    4,
  ],
  ["an outage", () => new Response(null, { status: 503 }), "authorization_server_unavailable", 4],
];
const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });
for (const [name, answer, code, exitCode] of answers) {
  Deno.test(`a registered client that meets ${name} at the sign-in page`, async () => {
    const cache = await registeredCache();
    const diagnosis = await diagnose(createFakeServer(), { cache, lies: { "/authorize": answer } });
    assert.equal(diagnosis.outcome("redirect_uri"), code);
    assert.equal(diagnosis.exitCode, exitCode);
  });
}

// fastmcp#1762, claude-code#4760: a client id that the server has forgotten, without a signal.
Deno.test("a registration that the server has forgotten is found, with the way out", async () => {
  const { exitCode, find, text } = await diagnose(createFakeServer(), {
    cache: await registeredCache(),
  });
  assert.equal(find("redirect_uri").status, "problem");
  assert.match(text, /cache clear http:\/\/localhost:8000\/mcp/);
  assert.equal(exitCode, 3);
});

// Nobody's words are shown but those of the server that was asked (CL-8).
Deno.test("an error of another issuer is not repeated", async () => {
  const { text } = await diagnose(createFakeServer(), {
    cache: await registeredCache(),
    lies: {
      "/authorize": () =>
        redirect(`${CALLBACK}?error=call_555&error_description=Pay+here&iss=https://evil.example`),
    },
  });
  assert.match(text, /an error of another issuer/);
  assert.doesNotMatch(text, /Pay here|call_555/);
});

Deno.test("the question at the sign-in page is that of a sign-in, and goes nowhere", async () => {
  const asked: URLSearchParams[] = [];
  const settings: Partial<SignInSettings> = { callbackPort: 5555 };
  const { requests } = await diagnose(createFakeServer(), {
    cache: await registeredCache(),
    settings,
    lies: {
      "/authorize": (request) => {
        asked.push(new URL(request.url).searchParams);
        return redirect("http://localhost:8000/login");
      },
    },
  });
  const [parameters] = asked;
  assert.equal(parameters?.get("client_id"), "known");
  assert.equal(parameters?.get("redirect_uri"), "http://127.0.0.1:5555/callback");
  assert.equal(parameters?.get("code_challenge_method"), "S256");
  assert.equal(parameters?.get("resource"), SERVER);
  assert.equal(parameters?.get("scope"), "openid");
  assert(!requests.includes("GET /login"));
});

Deno.test("an authorization server without S256 is not asked for a sign-in", async () => {
  const server = createFakeServer();
  server.faults.metadata = { code_challenge_methods_supported: ["plain"] };
  const { exitCode, outcome } = await diagnose(server, { cache: await registeredCache() });
  assert.equal(outcome("registration"), "ok");
  assert.equal(outcome("redirect_uri"), "skipped");
  assert.equal(exitCode, 3);
});

const tokenAnswers: [number, string, number][] = [
  [200, "token_endpoint_unclear", 0],
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
