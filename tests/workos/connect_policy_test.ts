/** Who is let in through a Connect application, and how this server proves who it is. */

import assert from "node:assert/strict";
import { SignInRefusedError, WorkOSSetupError } from "../../lib/errors.ts";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  register,
  signIn,
} from "../support/oauth_client.ts";
import {
  APPLICATION,
  type ConnectWorld,
  createConnectWorld,
  RUN_OUT,
} from "../support/connect_world.ts";
import { testNeeding } from "../support/needs.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { SERVER } from "../support/world.ts";

/** Parameters that the client is sent back with. */
async function signInOf(world: ConnectWorld): Promise<URLSearchParams> {
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  return new URL((await approve(world.browser(), url)).url).searchParams;
}

/** Answers for the provider's discovery document with something else in it. */
async function changeDiscovery(
  { provider }: ConnectWorld,
  changes: Record<string, unknown>,
): Promise<void> {
  const path = "/.well-known/openid-configuration";
  const document = await (await fetch(provider.issuer + path)).json();
  provider.faults.answer = (asked) =>
    asked === path ? Response.json({ ...document, ...changes }) : undefined;
}

const POLICIES: [string, Record<string, string>, RegExp | null][] = [
  ["of the configured organization", { WORKOS_ORGANIZATION_ID: "org_acme" }, null],
  ["of another organization", { WORKOS_ORGANIZATION_ID: "org_globex" }, /members of one organ/],
  ["who meets the claims", { WORKOS_REQUIRED_CLAIMS: `{"org_id":["org_acme","org_x"]}` }, null],
  ["who does not meet a claim", { WORKOS_REQUIRED_CLAIMS: `{"tenant":"t1"}` }, /claim: tenant/],
];
for (const [who, env, reason] of POLICIES) {
  testNeeding(
    PROVIDER_NEEDS,
    `somebody ${who} is ${reason ? "turned away" : "let in"}`,
    async () => {
      await using world = await createConnectWorld(env);
      const answer = await signInOf(world);
      if (reason === null) return assert.ok(answer.has("code"));
      assert.equal(answer.get("error"), "access_denied");
      assert.match(answer.get("error_description") ?? "", reason);
    },
  );
}

testNeeding(PROVIDER_NEEDS, "an unverified e-mail address is none", async () => {
  await using world = await createConnectWorld();
  world.forge.id_token = { claims: { email_verified: "true" } };
  assert.equal((await signInOf(world)).get("error"), "server_error");
  world.forge.id_token = { claims: { email_verified: false } };
  assert.equal((await signInOf(world)).get("error"), "access_denied");
});

const CHANGES: [string, Record<string, string>, Record<string, unknown>][] = [
  ["has moved to another organization", {}, { org_id: "org_globex" }],
  ["no longer meets a claim", { WORKOS_REQUIRED_CLAIMS: `{"tenant":"t1"}` }, { tenant: "t2" }],
];
for (const [what, env, claims] of CHANGES) {
  testNeeding(PROVIDER_NEEDS, `somebody who ${what} is out with the next renewal`, async () => {
    await using world = await createConnectWorld(env);
    Object.assign(world.provider.claims, { tenant: "t1" });
    const { tokens } = await signIn(world);
    Object.assign(world.provider.claims, claims);
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
    world.advance(RUN_OUT);
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
  });
}

testNeeding(PROVIDER_NEEDS, "a wrong secret is told apart from a wrong code", async () => {
  await using wrong = await createConnectWorld({ WORKOS_CLIENT_SECRET: "secret of another one" });
  await assert.rejects(wrong.upstream.checkCredentials(), (error) => {
    assert.ok(error instanceof WorkOSSetupError);
    assert.equal(error.code, "invalid_client");
    assert.match(error.message, /WORKOS_CLIENT_ID and WORKOS_CLIENT_SECRET/);
    return true;
  });
  assert.equal((await signInOf(wrong)).get("error"), "server_error");
  assert.match(wrong.logs.join(""), /WORKOS_CLIENT_SECRET/);

  // A provider on a busy machine may take its time.
  await using right = await createConnectWorld({}, {}, {
    wait: () => Promise.withResolvers<void>().promise,
  });
  await right.upstream.checkCredentials();
  const exchange = right.upstream.exchangeCode({ code: "x", codeVerifier: "y".repeat(43) });
  await assert.rejects(exchange, SignInRefusedError);
  const ready = await right.fetch(`${SERVER}/readyz`);
  assert.deepEqual(await ready.json(), {
    ready: true,
    store: true,
    workos_keys: true,
    workos_credentials: true,
  });
});

// RFC 6749 §2.3.1: both parts are encoded before they are joined.
testNeeding(
  PROVIDER_NEEDS,
  "where WorkOS takes nothing else, the secret goes by HTTP Basic",
  async () => {
    const client = {
      ...APPLICATION,
      client_secret: "with blanks: and+",
      token_endpoint_auth_method: "client_secret_basic",
    };
    await using world = await createConnectWorld(
      { WORKOS_CLIENT_SECRET: client.client_secret },
      { clients: [client] },
    );
    await changeDiscovery(world, {
      token_endpoint_auth_methods_supported: ["client_secret_basic"],
    });
    assert.ok((await signInOf(world)).has("code"));
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "where WorkOS offers no PKCE, none is sent, and the nonce remains",
  async () => {
    await using world = await createConnectWorld();
    await changeDiscovery(world, { code_challenge_methods_supported: undefined });
    const { challenge } = createPkce();
    const url = await world.upstream.getAuthorizationUrl({ state: "s", codeChallenge: challenge });
    assert.ok(!url.includes("code_challenge"));
    assert.match(url, /[?&]nonce=/);
  },
);

const DISCOVERIES: [string, Record<string, unknown>, RegExp][] = [
  ["names another issuer", { issuer: "https://x.authkit.app" }, /calls itself https:\/\/x/],
  ["has plain endpoints elsewhere", { token_endpoint: "http://x.test/token" }, /no AuthKit at/],
  ["has no keys", { jwks_uri: undefined }, /no AuthKit at/],
];
for (const [what, changes, reason] of DISCOVERIES) {
  testNeeding(PROVIDER_NEEDS, `a discovery document that ${what} is not used`, async () => {
    await using world = await createConnectWorld();
    await changeDiscovery(world, changes);
    await assert.rejects(world.upstream.prepare(), reason);
    world.provider.faults.answer = undefined;
    world.advance(5000);
    await world.upstream.prepare();
  });
}
