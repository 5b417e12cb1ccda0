/** Tokens that a Connect application is not taken in by. */

import assert from "node:assert/strict";
import { generateKeyPair } from "jose";
import { callTool, createPkce, signIn } from "../support/oauth_client.ts";
import {
  APPLICATION,
  type ConnectWorld,
  createConnectWorld,
  RUN_OUT,
} from "../support/connect_world.ts";
import { testNeeding } from "../support/needs.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { encode, signInOf } from "./support.ts";

type Forge = ConnectWorld["forge"];

const foreign = await generateKeyPair("RS256");
const secret = new TextEncoder().encode(APPLICATION.client_secret);

const unsigned = `${encode({ alg: "none" })}.${encode({ sub: "user_alice", exp: 4e9 })}.`;

const REFUSED: [string, Forge, RegExp][] = [
  // OpenID Connect Core §3.1.3.7, in its order.
  ["an ID token of another issuer", {
    id_token: { claims: { iss: "https://evil.example" } },
  }, /its issuer is https:\/\/evil/],
  ["an ID token for another application", {
    id_token: { claims: { aud: "client_other" } },
  }, /its audience is client_other, expected client_connect/],
  ["an ID token for another application as well", {
    id_token: { claims: { aud: ["client_connect", "client_other"] } },
  }, /another application as well/],
  ["an ID token that another application asked for", {
    id_token: { claims: { azp: "client_other" } },
  }, /another application as well/],
  ["an ID token signed with the client secret", {
    id_token: { header: { alg: "HS256", kid: undefined }, key: secret },
  }, /ERR_JOSE_ALG_NOT_ALLOWED/],
  ["an ID token without a signature", { id_token: unsigned }, /Token validation failed/],
  ["an ID token signed by another key", {
    id_token: { key: foreign.privateKey },
  }, /ERR_JWS_SIGNATURE/],
  ["an expired ID token", { id_token: { claims: { exp: 1 } } }, /clock is ahead/],
  ["an ID token without an expiry", { id_token: { claims: { exp: undefined } } }, /CLAIM/],
  ["an ID token from the future", { id_token: { claims: { iat: 4e9 } } }, /clock is behind/],
  ["an ID token without its age", { id_token: { claims: { iat: undefined } } }, /CLAIM/],
  ["an ID token of another sign-in", {
    id_token: { claims: { nonce: "another" } },
  }, /nonce.*another sign-in/],
  ["an ID token without a nonce", { id_token: { claims: { nonce: undefined } } }, /nonce/],
  ["an ID token of somebody else", {
    id_token: { claims: { sub: "user_bob" } },
  }, /names somebody else/],
  ["no ID token", { id_token: null }, /gives no ID token/],
  ["no refresh token", { refresh_token: null }, /gives no refresh token/],
  ["an access token of another application", {
    access_token: { claims: { client_id: "client_other" } },
  }, /to another client/],
  ["an access token of no application", {
    access_token: { claims: { client_id: undefined } },
  }, /CLAIM/],
  ["an access token of another issuer", {
    access_token: { claims: { iss: "https://evil.example" } },
  }, /its issuer is/],
  ["an access token signed with the client secret", {
    access_token: { header: { alg: "HS256" }, key: secret },
  }, /ALG_NOT_ALLOWED/],
  ["an access token signed by another key", {
    access_token: { key: foreign.privateKey },
  }, /ERR_JWS_SIGNATURE/],
  ["an expired access token", { access_token: { claims: { exp: 1 } } }, /clock is ahead/],
  ["an access token that is no JWT", { access_token: "opaque" }, /Token validation failed/],
];
for (const [what, forge, reason] of REFUSED) {
  testNeeding(PROVIDER_NEEDS, `${what} signs nobody in, and the log says why`, async () => {
    await using world = await createConnectWorld();
    Object.assign(world.forge, forge);
    const { error, log } = await signInOf(world);
    assert.equal(error, "server_error");
    assert.match(log, reason);
    assert.doesNotMatch(log, /grant_created/);
  });
}

testNeeding(
  PROVIDER_NEEDS,
  "a code of another sign-in signs nobody in: challenge and nonce are those of the browser",
  async () => {
    await using world = await createConnectWorld();
    world.forge.id_token = {};
    const one = await startSignIn(world);
    const other = await startSignIn(world);
    const mixed = new URL(one);
    mixed.searchParams.set("code", new URL(other).searchParams.get("code") ?? "");
    const response = await world.browser().visit(mixed.href);
    assert.equal(response.status, 403);

    async function startSignIn({ provider, upstream }: ConnectWorld): Promise<string> {
      const codeChallenge = createPkce().challenge;
      const url = await upstream.getAuthorizationUrl({ state: codeChallenge, codeChallenge });
      const browser = world.browser();
      const page = await browser.visit(url);
      assert.ok(page.url.startsWith(provider.issuer));
      const form = await browser.submit(page, { email: "x" });
      return form.url;
    }
  },
);

const RENEWED: [string, Forge, RegExp][] = [
  ["is signed by another key", { access_token: { key: foreign.privateKey } }, /SIGNATURE/],
  ["is somebody else's", {
    access_token: { claims: { sub: "user_bob" } },
    id_token: { claims: { sub: "user_bob" } },
  }, /another one's token/],
  ["comes with somebody else's ID token", {
    id_token: { claims: { sub: "user_bob" } },
  }, /names somebody else/],
  ["comes with an ID token for another application", {
    id_token: { claims: { aud: "client_other" } },
  }, /expected client_connect/],
];
for (const [what, forge, reason] of RENEWED) {
  testNeeding(PROVIDER_NEEDS, `a renewed token that ${what} is 503, and ends nothing`, async () => {
    await using world = await createConnectWorld();
    const { tokens } = await signIn(world);
    world.advance(RUN_OUT);
    Object.assign(world.forge, forge);
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 503);
    assert.match(world.logs.join(""), reason);
    for (const name of Object.keys(forge)) delete world.forge[name as keyof Forge];
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  });
}

testNeeding(
  PROVIDER_NEEDS,
  "a refresh token that WorkOS does not replace is used again",
  async () => {
    await using world = await createConnectWorld({}, { rotates: false });
    const { tokens } = await signIn(world);
    world.advance(RUN_OUT);
    world.forge.refresh_token = null;
    for (let time = 0; time < 2; time++) {
      assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
    }
  },
);
