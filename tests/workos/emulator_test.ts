import assert from "node:assert/strict";
import { createLocalJWKSet, jwtVerify } from "jose";
import { createEmulator } from "../../lib/workos/emulator/emulator.ts";
import { CALLBACK, ORIGIN, refresh, signIn, startEmulator } from "./emulator/support.ts";

const get = (path: string) => new Request(new URL(path, ORIGIN));

Deno.test("discovery names the endpoints on the emulator's own origin", async () => {
  const { emulator } = startEmulator({ origin: "https://workos.test" });
  const response = await emulator.fetch(
    get("/user_management/client_emulator/.well-known/openid-configuration"),
  );
  assert.deepEqual(await response.json(), {
    issuer: "https://workos.test/user_management/client_emulator",
    authorization_endpoint: "https://workos.test/user_management/authorize",
    token_endpoint: "https://workos.test/user_management/authenticate",
    jwks_uri: "https://workos.test/sso/jwks/client_emulator",
    response_types_supported: ["code"],
  });
});

Deno.test("the published keys verify access tokens, and hold nothing private", async () => {
  const { emulator, now } = startEmulator();
  const { access_token } = await signIn(emulator, "alice@acme.test");
  const keySet = await (await emulator.fetch(get("/sso/jwks/client_emulator"))).json();
  assert.deepEqual(Object.keys(keySet.keys[0]).toSorted(), ["alg", "e", "kid", "kty", "n", "use"]);
  const { payload } = await jwtVerify(access_token, createLocalJWKSet(keySet), {
    algorithms: ["RS256"],
    issuer: `${ORIGIN}/user_management/client_emulator`,
    currentDate: new Date(now()),
  });
  assert.equal(payload.sub, "user_alice");
});

Deno.test("an emulator makes its own keys and starts with nobody signed in", async () => {
  const options = { origin: ORIGIN, now: Date.now, redirectUris: [CALLBACK] };
  const [one, other] = [createEmulator(options), createEmulator(options)];
  const { access_token, refresh_token } = await signIn(one, "alice@acme.test");
  const keySet = await (await other.fetch(get("/sso/jwks/client_emulator"))).json();
  await assert.rejects(jwtVerify(access_token, createLocalJWKSet(keySet)), {
    code: "ERR_JWKS_NO_MATCHING_KEY",
  });
  assert.equal((await refresh(other, refresh_token)).status, 400);
});

Deno.test("keys and discovery of another client do not exist", async () => {
  const { emulator } = startEmulator();
  const paths = [
    "/sso/jwks/client_other",
    "/user_management/client_other/.well-known/openid-configuration",
  ];
  for (const path of paths) assert.equal((await emulator.fetch(get(path))).status, 404);
});

Deno.test("an unknown path is answered with JSON", async () => {
  const { emulator } = startEmulator();
  const response = await emulator.fetch(get("/nowhere"));
  assert.equal(response.status, 404);
  assert.partialDeepStrictEqual(await response.json(), { code: "entity_not_found" });
});

Deno.test("every answer is dated by the emulator's clock", async () => {
  const { emulator, now, advance } = startEmulator();
  advance(1_234_000);
  for (const path of ["/nowhere", "/sso/jwks/client_emulator", "/user_management/authorize"]) {
    const { headers } = await emulator.fetch(get(path));
    assert.equal(headers.get("date"), new Date(now()).toUTCString());
  }
});

Deno.test("the same random bytes make the same ids", async () => {
  const ids = await Promise.all([1, 1, 2].map(async (byte) => {
    const { emulator } = startEmulator({ random: (length) => new Uint8Array(length).fill(byte) });
    return (await signIn(emulator, "alice@acme.test")).refresh_token;
  }));
  assert.equal(ids[0], ids[1]);
  assert.notEqual(ids[0], ids[2]);
});

Deno.test("signing out ends the session and leads back to the application's origin", async () => {
  const { emulator } = startEmulator();
  const { refresh_token } = await signIn(emulator, "alice@acme.test");
  const sessionId = refresh_token.split(".")[0];
  const response = await emulator.fetch(
    get(
      `/user_management/sessions/logout?session_id=${sessionId}&return_to=http://localhost:8000/bye`,
    ),
  );
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), "http://localhost:8000/bye");
  assert.equal((await refresh(emulator, refresh_token)).status, 400);
});

Deno.test("signing out twice, or of a session nobody knows, shows the same page", async () => {
  const { emulator } = startEmulator();
  const response = await emulator.fetch(
    get("/user_management/sessions/logout?session_id=session_gone"),
  );
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<h1>Signed out<\/h1>/);
});

Deno.test("signing out leads nowhere else", async () => {
  const { emulator } = startEmulator();
  for (
    const url of ["https://evil.example/", "http://localhost:8001/", "javascript:alert(1)", "/"]
  ) {
    const response = await emulator.fetch(
      get(`/user_management/sessions/logout?session_id=s&return_to=${encodeURIComponent(url)}`),
    );
    assert.equal(response.status, 400, url);
    assert.equal(response.headers.get("location"), null);
  }
});

Deno.test("a redirect URI for any port allows signing out to any port", async () => {
  const { emulator } = startEmulator({ redirectUris: ["http://localhost:*/auth/callback"] });
  const response = await emulator.fetch(
    get("/user_management/sessions/logout?session_id=s&return_to=http://localhost:1234/"),
  );
  assert.equal(response.status, 302);
});

Deno.test("signing out needs a session", async () => {
  const { emulator } = startEmulator();
  assert.equal((await emulator.fetch(get("/user_management/sessions/logout"))).status, 422);
});
