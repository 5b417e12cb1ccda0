import assert from "node:assert/strict";
import type { SignInSettings } from "../../lib/client/context.ts";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import type { TokenCache } from "../../lib/client/token_cache.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { diagnose, type Lies } from "./doctor_support.ts";

const SERVER = "http://localhost:8000/mcp";
const ISSUER = "http://localhost:8000";
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

/** Answers of the authorization endpoint to a registered client, and what they mean. */
const answers: [string, () => Response, string, number][] = [
  ["a page", () => new Response("<form>"), "ok", 0],
  ["its login", () => redirect("https://login.example/start"), "ok", 0],
  ["the login it asks for", () => redirect(`${CALLBACK}?error=login_required`), "ok", 0],
  ["an error page", () => new Response(null, { status: 400 }), "registration_refused", 0],
  ["a redirect to an error page", () => redirect("/oops?error=bad"), "registration_refused", 0],
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
Deno.test("a registration that the server has forgotten costs a new one, if there is one", async () => {
  const cache = await registeredCache();
  const { exitCode, find, text } = await diagnose(createFakeServer(), { cache });
  assert.equal(find("redirect_uri").status, "warning");
  assert.match(find("registration").seen, /^a new one would be made/);
  assert.match(text, /a sign-in registers anew\.\n +Looked at .*; up to you\.\n/);
  assert.equal(exitCode, 0);

  const closed = await diagnose(createFakeServer(), {
    cache,
    lies: { "/register": () => new Response(null, { status: 403 }) },
  });
  assert.equal(closed.outcome("registration"), "registration_closed");
  assert.equal(closed.exitCode, 3);
});

// mcp-remote#72: with another port than the registered one.
Deno.test("a server that insists on the registered port costs a new registration only", async () => {
  const lies: Lies = {
    "/authorize": ({ url }) => {
      const isKnown = new URL(url).searchParams.get("redirect_uri") === CALLBACK;
      return new Response("<form>", { status: isKnown ? 200 : 400 });
    },
  };
  const cache = await registeredCache();
  const registered = await diagnose(createFakeServer(), { cache, lies });
  assert.equal(registered.outcome("redirect_uri"), "ok");
  const other = await diagnose(createFakeServer(), {
    cache,
    lies,
    settings: { callbackPort: 8150 },
  });
  assert.equal(other.outcome("redirect_uri"), "registration_refused");
  assert.equal(other.exitCode, 0);
  const byHand = await diagnose(createFakeServer(), {
    cache,
    lies,
    settings: { callbackPort: 8150, clientId: "mine" },
  });
  assert.equal(byHand.outcome("redirect_uri"), "authorization_refused");
  assert.match(byHand.text, /Register http:\/\/127\.0\.0\.1:8150\/callback for it/);
  assert.equal(byHand.exitCode, 3);
});

Deno.test("a port that is taken is a problem only if it was asked for", async () => {
  const cache = await registeredCache();
  const lies: Lies = { "/authorize": () => new Response("<form>") };
  const options = { cache, lies, takenPorts: [8150, 40_000] };
  const taken = await diagnose(createFakeServer(), {
    ...options,
    settings: { callbackPort: 8150 },
  });
  assert.equal(taken.outcome("redirect_uri"), "callback_unavailable");
  assert.match(taken.text, /Cannot listen on 127\.0\.0\.1:8150 .* another --callback-port/);
  assert.equal(taken.exitCode, 3);
  const free = await diagnose(createFakeServer(), options);
  assert.equal(free.outcome("redirect_uri"), "ok");
  assert.equal(free.exitCode, 0);
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
