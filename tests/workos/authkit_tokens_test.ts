/** Tokens that are not AuthKit's word for this server, whatever they say of themselves. */

import assert from "node:assert/strict";
import {
  calculateJwkThumbprint,
  decodeJwt,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
} from "jose";
import {
  type AuthKitWorld,
  createAuthKitWorld,
  readRefusal,
  signInAtAuthKit,
} from "../support/authkit_world.ts";
import { testNeeding } from "../support/needs.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { createWorld, SERVER } from "../support/world.ts";
import { postBody } from "../mcp/support.ts";

const foreign = await generateKeyPair("RS256", { extractable: true });

/** Signs with a key that AuthKit publishes, as it might for other things, and another algorithm. */
async function signWithPublished(
  { provider, issue }: AuthKitWorld,
  alg: string,
): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const { keys } = await (await fetch(`${provider.issuer}/jwks`)).json();
  provider.faults.answer = (path) =>
    path === "/jwks" ? Response.json({ keys: [...keys, { ...jwk, kid }] }) : undefined;
  return await issue({}, { alg, kid }, privateKey);
}

/** What everybody can read, as a shared secret (RFC 8725 §2.1). */
async function signWithPublicKey({ provider, issue }: AuthKitWorld): Promise<string> {
  const { keys: [jwk] } = await (await fetch(`${provider.issuer}/jwks`)).json();
  const publicKey = await importJWK(jwk, "RS256", { extractable: true });
  assert.ok(publicKey instanceof CryptoKey);
  return await issue({}, { alg: "HS256" }, new TextEncoder().encode(await exportSPKI(publicKey)));
}

function encode(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Takes a good token apart. */
async function splitToken({ issue }: AuthKitWorld) {
  const token = await issue();
  const [header = "", payload = "", signature = ""] = token.split(".");
  return { header, payload, signature, claims: decodeJwt(token) };
}

/** A token of WorkOS User Management, and one that this server issues where that signs people in. */
async function signInWithoutAuthKit(): Promise<{ workos: string; own: string }> {
  const world = await createWorld();
  let workos = "";
  world.faults.workos = async (request) => {
    const response = await world.emulator.fetch(request);
    const isToken = request.url.endsWith("/authenticate") && response.ok;
    if (isToken) workos = (await response.clone().json()).access_token;
    return response;
  };
  const { tokens } = await signIn(world);
  return { workos, own: tokens.access_token };
}

const NO_KEY = /ERR_JWKS_NO_MATCHING_KEY/;
const ALGORITHM = /ERR_JOSE_ALG_NOT_ALLOWED/;
const SIGNATURE = /ERR_JWS_SIGNATURE_VERIFICATION_FAILED/;

const REFUSED: [string, (world: AuthKitWorld) => string | Promise<string>, RegExp][] = [
  // fastmcp 901d8cdd6, fastmcp 5ed14650a: what everybody can read served as a shared secret.
  ["signed with the public key as a secret", signWithPublicKey, ALGORITHM],
  ["signed with a published EC key", (world) => signWithPublished(world, "ES256"), ALGORITHM],
  ["signed with a published EdDSA key", (world) => signWithPublished(world, "EdDSA"), ALGORITHM],
  ["signed with a published RS512 key", (world) => signWithPublished(world, "RS512"), ALGORITHM],
  ["signed with a published PS256 key", (world) => signWithPublished(world, "PS256"), ALGORITHM],
  ["without a signature", async (world) => {
    return `${encode({ alg: "none" })}.${(await splitToken(world)).payload}.`;
  }, ALGORITHM],
  ["whose signature was taken away", async (world) => {
    const { header, payload } = await splitToken(world);
    return `${header}.${payload}.`;
  }, SIGNATURE],
  ["whose claims were changed", async (world) => {
    const { header, claims, signature } = await splitToken(world);
    return `${header}.${encode({ ...claims, sub: "user_bob" })}.${signature}`;
  }, SIGNATURE],
  ["signed by another key", ({ issue }) => issue({}, {}, foreign.privateKey), SIGNATURE],
  // CVE-2026-27962: the token brought the key along that it was to be checked with.
  ["that brings its own key", async ({ issue }) => {
    const jwk = await exportJWK(foreign.publicKey);
    return await issue({}, { jwk, kid: undefined }, foreign.privateKey);
  }, SIGNATURE],
  [
    "with a key id that nobody has",
    ({ issue }) => issue({}, { kid: "x" }, foreign.privateKey),
    NO_KEY,
  ],
  // CVE-2026-32597: what a header calls critical was not looked at.
  [
    "that calls something critical that nobody knows",
    ({ issue }) => issue({}, { crit: ["unheard_of"], unheard_of: 1 }),
    /ERR_JOSE_NOT_SUPPORTED/,
  ],
  ["that is an ID token", async (world) => {
    return (await signInAtAuthKit(world, `${SERVER}/mcp`)).tokens.id_token;
  }, /\(client_id\)/],
  ["that is a refresh token", async (world) => {
    return (await signInAtAuthKit(world, `${SERVER}/mcp`)).tokens.refresh_token;
  }, /ERR_JWS_INVALID/],
  ["of WorkOS User Management", async () => (await signInWithoutAuthKit()).workos, NO_KEY],
  ["of this server's own", async () => (await signInWithoutAuthKit()).own, /ERR_JWS_INVALID/],
  ["that is garbage", () => "garbage", /ERR_JWS_INVALID/],
  ["with three parts of garbage", () => "a.b.c", /ERR_JWS_INVALID/],
];
for (const [what, obtain, description] of REFUSED) {
  testNeeding(PROVIDER_NEEDS, `a token ${what} is 401 invalid_token (RS-4, RS-7)`, async () => {
    await using world = await createAuthKitWorld();
    const refusal = readRefusal(await callTool(world, await obtain(world), "whoami"));
    assert.match(refusal.description, description);
    assert.deepEqual([refusal.status, refusal.error], [401, "invalid_token"]);
    assert.equal((await callTool(world, await world.issue(), "whoami")).status, 200);
  });
}

testNeeding(PROVIDER_NEEDS, "a token counts in the Authorization header only (CL-10)", async () => {
  await using world = await createAuthKitWorld();
  const token = await world.issue();
  const query = await world.fetch(`${SERVER}/mcp?access_token=${token}`, { method: "POST" });
  const form = await world.fetch(`${SERVER}/mcp`, {
    method: "POST",
    body: new URLSearchParams({ access_token: token }),
  });
  const cookie = await postBody(world, undefined, {}, { cookie: `access_token=${token}` });
  for (const response of [query, form, cookie]) {
    assert.deepEqual(readRefusal(response), { status: 401, error: "", description: "" });
  }
  const twice = await postBody(world, `${token}, ${token}`, {});
  assert.equal(readRefusal(twice).error, "invalid_request");
  assert.equal((await callTool(world, token, "whoami")).status, 200);
});
