/** Tokens that are not WorkOS's word for this application, put where WorkOS's own would be. */

import assert from "node:assert/strict";
import { decodeJwt, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { createWorld, EMULATOR, SERVER, type World } from "../support/world.ts";
import { encode, signInOf } from "./support.ts";

const own = await generateKeyPair("RS256", { extractable: true });
const foreign = await generateKeyPair("RS256", { extractable: true });
const publicKey: JWK = { ...await exportJWK(own.publicKey), kid: "own", alg: "RS256", use: "sig" };

type Key = Parameters<SignJWT["sign"]>[0];

interface Forgery {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  key?: Key;
  /** Takes the place of the whole token. */
  token?: string;
}

/** A WorkOS that signs with a key of the test, and whose tokens the test may change. */
async function createForgingWorld(
  { claims = {}, header = {}, key = own.privateKey, token }: Forgery,
  keys: unknown[] = [publicKey],
): Promise<World> {
  const world = await createWorld();
  world.faults.workos = async (request) => {
    if (request.url.includes("/sso/jwks/")) return Response.json({ keys });
    const response = await world.emulator.fetch(request);
    if (!request.url.endsWith("/authenticate")) return response;
    const answer = await response.json();
    const payload = { ...decodeJwt(answer.access_token), ...claims };
    const signed = token ??
      await new SignJWT(payload).setProtectedHeader({ alg: "RS256", kid: "own", ...header })
        .sign(key, { crit: { exp2: true } });
    return Response.json({ ...answer, access_token: signed });
  };
  return world;
}

const ACCEPTED: [string, Forgery][] = [
  ["as WorkOS makes it", {}],
  ["with our client id as audience", { claims: { aud: "client_emulator" } }],
  ["with our endpoint among its audiences", { claims: { aud: ["x", `${SERVER}/mcp`] } }],
  ["that names our client", { claims: { client_id: "client_emulator" } }],
];
for (const [what, forgery] of ACCEPTED) {
  Deno.test(`a token ${what} is accepted`, async () => {
    assert.equal((await signInOf(await createForgingWorld(forgery))).error, null);
  });
}

const foreignKey = await exportJWK(foreign.publicKey);
const pem = new TextEncoder().encode(await exportSPKI(own.publicKey));

const REFUSED: [string, Forgery, RegExp][] = [
  // fastmcp 901d8cdd6, fastmcp 5ed14650a: what everybody can read served as a shared secret.
  ["signed with our own public key as a secret", {
    header: { alg: "HS256" },
    key: pem,
  }, /ERR_JOSE_ALG_NOT_ALLOWED/],
  [
    "signed by HMAC without a key id",
    { header: { alg: "HS512", kid: undefined }, key: pem },
    /ALG/,
  ],
  ["without a signature", {
    token: `${encode({ alg: "none" })}.${encode({ sub: "user_alice", sid: "s", exp: 4e9 })}.`,
  }, /Token validation failed/],
  ["signed by another key", { key: foreign.privateKey }, /ERR_JWS_SIGNATURE/],
  // CVE-2026-27962: the token brought the key along that it was to be checked with.
  ["with its own key in the header", {
    header: { jwk: foreignKey },
    key: foreign.privateKey,
  }, /ERR_JWS_SIGNATURE/],
  ["with its own key in the header and no key id", {
    header: { jwk: foreignKey, kid: undefined },
    key: foreign.privateKey,
  }, /ERR_JWS_SIGNATURE/],
  ["with a key id nobody has", { header: { kid: "other" } }, /ERR_JWKS_NO_MATCHING_KEY/],
  // fastmcp 61f3feec6: an expiry of 0 counted as none, and none as for ever.
  ["that expired in 1970", { claims: { exp: 0 } }, /clock is ahead/],
  ["without an expiry", { claims: { exp: undefined } }, /Token validation failed/],
  ["with an expiry that is no number", { claims: { exp: "never" } }, /Token validation failed/],
  // fastmcp 216f43d0b, fastmcp 1708e53d9, fastmcp 822c82c93: any application of the provider would do.
  ["for another application", { claims: { aud: "client_other" } }, /audience is neither/],
  ["for no audience at all", { claims: { aud: [] } }, /audience is neither/],
  ["issued to another client", { claims: { client_id: "client_other" } }, /to another client/],
  [
    "of another application's issuer",
    { claims: { iss: `${EMULATOR}/user_management/client_other` } },
    /its issuer is/,
  ],
  ["of our issuer with a slash more", {
    claims: { iss: `${EMULATOR}/user_management/client_emulator/` },
  }, /its issuer is/],
  ["of somebody else than the answer", { claims: { sub: "user_bob" } }, /different people/],
  ["of another organization than the answer", { claims: { org_id: "org_globex" } }, /different/],
  ["without a session", { claims: { sid: undefined } }, /Token validation failed/],
  ["from the future", { claims: { iat: 4e9 } }, /clock is behind/],
  ["that is none", { token: "not.a.token" }, /Token validation failed/],
];
for (const [what, forgery, reason] of REFUSED) {
  Deno.test(`a token ${what} signs nobody in, and the log says why`, async () => {
    const { error, log } = await signInOf(await createForgingWorld(forgery));
    assert.equal(error, "server_error");
    assert.match(log, reason);
    assert.doesNotMatch(log, /grant_created/);
  });
}

// CVE-2026-32597: what a header calls critical was not looked at.
Deno.test("a token that calls something critical that nobody knows signs nobody in", async () => {
  const header = { crit: ["exp2"], exp2: 1 };
  const { error, log } = await signInOf(await createForgingWorld({ header }));
  assert.equal(error, "server_error");
  assert.match(log, /ERR_JOSE_NOT_SUPPORTED/);
  assert.doesNotMatch(log, /grant_created/);
});

// fastmcp 1fca15abe: one key of a kind nobody knew ended every sign-in.
Deno.test("keys that cannot be used are passed over", async () => {
  const odd = [
    { kty: "unheard of", kid: "x" },
    { kty: "RSA", kid: "y" },
    { kty: "EC", crv: "P-1", kid: "z", x: "AA", y: "AA" },
    { kty: "AKP", alg: "ML-DSA-65", kid: "pq", pub: "AA" },
  ];
  assert.equal((await signInOf(await createForgingWorld({}, [...odd, publicKey]))).error, null);
});

// fastmcp a61284622: WorkOS was asked at the start, without a limit of time.
Deno.test("discovery waits for the first use, is given up in time, and is tried again", async () => {
  const world = await createWorld();
  assert.deepEqual(world.upstreamCalls, []);
  const limits: number[] = [];
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (limit) => {
    limits.push(limit);
    return AbortSignal.abort(new DOMException("too late", "TimeoutError"));
  };
  try {
    world.faults.workos = ({ signal }) =>
      new Promise((_resolve, reject) => {
        // Answers never: only the limit of time ends it.
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    assert.equal((await world.fetch(`${SERVER}/readyz`)).status, 503);
  } finally {
    AbortSignal.timeout = timeout;
  }
  assert.deepEqual(limits, [5000]);
  world.faults.workos = undefined;
  world.advance(5000);
  assert.equal((await world.fetch(`${SERVER}/readyz`)).status, 200);
});

const DOCUMENTS = ["/.well-known/openid-configuration", "/sso/jwks/client_emulator"];
for (const path of DOCUMENTS) {
  Deno.test(`while WorkOS has no ${path}, it is asked for once in five seconds`, async () => {
    const world = await createWorld();
    world.faults.workos = ({ url }) =>
      url.endsWith(path) ? new Response(null, { status: 500 }) : undefined;
    const countAfter = async (duration: number): Promise<number> => {
      world.advance(duration);
      for (let time = 0; time < 20; time++) {
        assert.equal((await world.fetch(`${SERVER}/readyz`)).status, 503);
      }
      return world.upstreamCalls.filter((call) => call.endsWith(path)).length;
    };
    assert.equal(await countAfter(0), 1);
    assert.equal(await countAfter(4999), 1);
    assert.equal(await countAfter(1), 2);
    world.faults.workos = undefined;
    world.advance(5000);
    assert.equal((await signInOf(world)).error, null);
  });
}
