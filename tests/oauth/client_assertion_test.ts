import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { JWT_BEARER } from "../../lib/oauth/client_assertion.ts";
import {
  approve,
  authorizationUrl,
  createPkce,
  post,
  REDIRECT_URI,
  register,
} from "../support/oauth_client.ts";
import {
  attempt,
  claimsOf,
  CLIENT_ID,
  foreign,
  prepare,
  present,
  publicKey,
  sign,
} from "../support/signing_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";

Deno.test("a client with keys signs in and refreshes by signing each request (RFC 7523)", async () => {
  const world = await prepare();
  const { verifier, challenge } = createPkce();
  const url = authorizationUrl({ client_id: CLIENT_ID, code_challenge: challenge });
  const end = new URL((await approve(world.browser(), url)).url);
  const proof = async () => ({
    client_assertion_type: JWT_BEARER,
    client_assertion: await sign(world, { aud: `${SERVER}/token` }),
  });
  const code = {
    grant_type: "authorization_code",
    code: end.searchParams.get("code") ?? "",
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  };
  const unsigned = await post(world, "/token", { ...code, client_id: CLIENT_ID });
  assert.equal(unsigned.status, 401);
  const response = await post(world, "/token", { ...code, ...await proof() });
  assert.equal(response.status, 200);
  const { refresh_token } = await response.json();
  const form = { grant_type: "refresh_token", refresh_token };
  assert.equal((await post(world, "/token", { ...form, client_id: CLIENT_ID })).status, 401);
  assert.equal((await post(world, "/token", { ...form, ...await proof() })).status, 200);
});

Deno.test("the audience is the issuer, the token endpoint or both", async () => {
  const world = await prepare();
  for (const aud of [SERVER, `${SERVER}/token`, [SERVER], [SERVER, `${SERVER}/token`]]) {
    assert.equal((await present(world, await sign(world, { aud }))).status, 200, String(aud));
  }
});

Deno.test("RS256, ES256 and EdDSA are accepted", async () => {
  for (const alg of ["RS256", "ES256", "EdDSA"]) {
    const pair = await generateKeyPair(alg, { extractable: true });
    const world = await prepare({ jwks: { keys: [await exportJWK(pair.publicKey)] } });
    const assertion = await sign(world, {}, { key: pair.privateKey, alg, kid: "any" });
    // The set names no kid, so the one in the header fits nothing.
    assert.equal((await present(world, assertion)).status, 401, alg);
    const withoutKid = await new SignJWT(claimsOf(world)).setProtectedHeader({ alg })
      .sign(pair.privateKey);
    assert.equal((await present(world, withoutKid)).status, 200, alg);
  }
});

const REFUSED: [string, (world: World) => Promise<string>, RegExp][] = [
  ["another issuer", (world) => sign(world, { iss: "https://evil.example/c" }), /iss is/],
  ["another subject", (world) => sign(world, { sub: "https://evil.example/c" }), /sub is/],
  ["no issuer", (world) => sign(world, { iss: undefined }), /iss is/],
  ["no subject", (world) => sign(world, { sub: undefined }), /sub is/],
  ["another audience", (world) => sign(world, { aud: "https://evil.example" }), /aud is/],
  ["the audience of /mcp", (world) => sign(world, { aud: `${SERVER}/mcp` }), /aud is/],
  ["no audience", (world) => sign(world, { aud: undefined }), /aud is/],
  [
    "a second, foreign audience",
    (world) => sign(world, { aud: [SERVER, "https://evil.example"] }),
    /for this server alone/,
  ],
  ["no expiry", (world) => sign(world, { exp: undefined }), /exp is/],
  ["an expiry in the past", (world) => sign(world, { exp: world.now() / 1000 - 31 }), /expired/],
  [
    "an expiry far away",
    (world) => sign(world, { exp: world.now() / 1000 + 700 }),
    /more than 600 seconds/,
  ],
  ["a start in the future", (world) => sign(world, { nbf: world.now() / 1000 + 60 }), /nbf is/],
  ["no id", (world) => sign(world, { jti: undefined }), /jti is/],
  ["an empty id", (world) => sign(world, { jti: "" }), /jti must be/],
  ["an id that is no text", (world) => sign(world, { jti: 7 }), /jti/],
  ["a foreign key", (world) => sign(world, {}, { key: foreign.privateKey }), /not signed by a key/],
  ["an unknown key id", (world) => sign(world, {}, { kid: "other" }), /not signed by a key/],
  [
    "the public key as a shared secret",
    (world) => sign(world, {}, { key: new TextEncoder().encode(publicKey.x ?? ""), alg: "HS256" }),
    /one of RS256, ES256, EdDSA/,
  ],
  [
    "no signature",
    (world) => Promise.resolve(new UnsecuredJWT(claimsOf(world)).encode()),
    /one of RS256|not signed/,
  ],
  [
    "its own key in the header",
    async (world) =>
      await new SignJWT(claimsOf(world))
        .setProtectedHeader({ alg: "ES256", jwk: await exportJWK(foreign.publicKey) })
        .sign(foreign.privateKey),
    /not signed by a key/,
  ],
  ["no JWT at all", () => Promise.resolve("a.b.c"), /not signed/],
  ["an empty JWT", () => Promise.resolve(".."), /not signed/],
];

// CVE-2026-27962, CVE-2026-32597: what the header of a JWT says about itself was believed.
for (const [what, make, reason] of REFUSED) {
  Deno.test(`an assertion with ${what} is refused (RFC 7523 §3)`, async () => {
    const world = await prepare();
    const { status, error, message } = await present(world, await make(world));
    assert.equal(status, 401, message);
    assert.equal(error, "invalid_client");
    assert.match(message ?? "", reason);
  });
}

// CVE-2025-61920: a JWT of any size was decoded before it was refused.
Deno.test("an assertion larger than a request may be is not even read", async () => {
  const world = await prepare();
  const huge = `${"x".repeat(500_000)}.${"x".repeat(500_000)}.x`;
  assert.equal((await present(world, huge)).status, 413);
});

Deno.test("an assertion works once, also of 20 at the same time", async () => {
  const world = await prepare();
  const assertion = await sign(world);
  const answers = await Promise.all(Array.from({ length: 20 }, () => present(world, assertion)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.match(answers.find(({ status }) => status === 401)?.message ?? "", /used before/);
});

Deno.test("a used id is remembered for as long as its assertion lives, then forgotten", async () => {
  const world = await prepare();
  const assertion = await sign(world, { exp: world.now() / 1000 + 60 });
  assert.equal((await present(world, assertion)).status, 200);
  world.advance(89_000);
  await world.app.sweep();
  assert.match((await present(world, assertion)).message ?? "", /used before/);
  world.advance(1000);
  await world.app.sweep();
  assert.equal((await present(world, assertion)).message, "The client assertion has expired.");
  assert.equal(await world.store.sweep(world.now(), 10), 0);
});

Deno.test("a refused assertion uses up no id", async () => {
  const world = await prepare();
  const jti = "one";
  assert.equal(
    (await present(world, await sign(world, { jti }, { key: foreign.privateKey }))).status,
    401,
  );
  assert.equal((await present(world, await sign(world, { jti }))).status, 200);
});

Deno.test("the type of the assertion has to be said", async () => {
  const world = await prepare();
  for (const type of ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"]) {
    const { message } = await present(world, await sign(world), { client_assertion_type: type });
    assert.match(message ?? "", /client_assertion_type must be/);
  }
});

Deno.test("a client that declares keys gets in by no other way", async () => {
  const world = await prepare();
  const secret = { client_id: CLIENT_ID, client_secret: "guess" };
  for (const form of [{ client_id: CLIENT_ID }, secret]) {
    const { status, message } = await attempt(world, form);
    assert.equal(status, 401);
    assert.match(message ?? "", /registered token_endpoint_auth_method private_key_jwt/);
  }
  const both = await present(world, await sign(world), { client_secret: "guess" });
  assert.match(both.message ?? "", /in one way only/);
});

Deno.test("a client without keys cannot use an assertion", async () => {
  const world = await prepare({ token_endpoint_auth_method: "none" });
  assert.match((await present(world, await sign(world))).message ?? "", /method none/);
  const { client_id: id } = await register(world);
  const assertion = await sign(world, { iss: id, sub: id });
  assert.match((await present(world, assertion, { client_id: id })).message ?? "", /method none/);
});

Deno.test("registration offers no keys: only a document does", async () => {
  const world = await createWorld();
  const answer = await register(world, {
    token_endpoint_auth_method: "private_key_jwt",
    jwks: { keys: [publicKey] },
  });
  assert.equal(answer.error, "invalid_client_metadata");
});

Deno.test("without client_id, the subject says who it is; with another, it is refused", async () => {
  const world = await prepare();
  assert.equal((await present(world, await sign(world), { client_id: "" })).status, 200);
  assert.match(
    (await present(world, "x", { client_id: "" })).message ?? "",
    /client_id is missing/,
  );
  const { client_id } = await register(world);
  assert.equal((await present(world, await sign(world), { client_id })).status, 401);
});
