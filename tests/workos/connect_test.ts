/** The whole sign-in with a Connect application, at a stranger's OpenID provider. */

import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  post,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { type ConnectWorld, createConnectWorld, RUN_OUT } from "../support/connect_world.ts";
import { testNeeding } from "../support/needs.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { SERVER } from "../support/world.ts";

/** What the tool tells about the caller. */
async function whoami(world: ConnectWorld, accessToken: string): Promise<Record<string, unknown>> {
  const response = await callTool(world, accessToken, "whoami");
  assert.equal(response.status, 200);
  return (await response.json()).result.structuredContent;
}

/** Parameters that the client is sent back with. */
async function signInOf(world: ConnectWorld): Promise<URLSearchParams> {
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  return new URL((await approve(world.browser(), url)).url).searchParams;
}

testNeeding(PROVIDER_NEEDS, "a person signs in through a Connect application", async () => {
  await using world = await createConnectWorld();
  const { tokens, clientId } = await signIn(world);
  assert.deepEqual(await whoami(world, tokens.access_token), {
    user_id: "user_alice",
    name: "Alice Adams",
    picture: "https://pictures.test/alice.png",
    email: "alice@acme.test",
    email_verified: true,
    organization_id: "org_acme",
    role: null,
    roles: [],
    permissions: [],
    client_id: clientId,
    scopes: ["openid", "profile", "email", "offline_access"],
  });
});

testNeeding(
  PROVIDER_NEEDS,
  "WorkOS is asked with state, nonce, a challenge and the e-mail address to prefill",
  async () => {
    await using world = await createConnectWorld();
    const codeChallenge = createPkce().challenge;
    const request = { state: "s", codeChallenge, loginHint: "alice@acme.test" };
    const url = new URL(await world.upstream.getAuthorizationUrl(request));
    assert.equal(url.origin + url.pathname, `${world.provider.issuer}/auth`);
    const { nonce, ...parameters } = Object.fromEntries(url.searchParams);
    assert.match(nonce ?? "", /^[\w-]{43}$/);
    assert.notEqual(nonce, codeChallenge);
    assert.deepEqual(parameters, {
      response_type: "code",
      client_id: "client_connect",
      redirect_uri: `${SERVER}/auth/callback`,
      scope: "openid profile email offline_access",
      state: "s",
      code_challenge: codeChallenge,
      code_challenge_method: "S256",
      login_hint: "alice@acme.test",
    });
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "a session that has run out is renewed, each time with the refresh token of the last one",
  async () => {
    await using world = await createConnectWorld();
    const { tokens } = await signIn(world);
    // From here on the session has always run out: the provider's clock stays behind.
    world.advance(RUN_OUT);
    for (let time = 0; time < 3; time++) {
      assert.equal((await whoami(world, tokens.access_token)).email, "alice@acme.test");
    }
    assert.equal(world.provider.calls.filter((call) => call === "POST /token").length, 4);
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "what a renewal does not repeat stays: the person's profile and the refresh token",
  async () => {
    await using world = await createConnectWorld();
    const { tokens } = await signIn(world);
    const before = await whoami(world, tokens.access_token);
    world.forge.id_token = null;
    world.advance(RUN_OUT);
    assert.deepEqual(await whoami(world, tokens.access_token), before);
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "a session that WorkOS has ended is over, and the client is told to sign in again",
  async () => {
    await using world = await createConnectWorld();
    const { tokens, clientId } = await signIn(world);
    world.advance(RUN_OUT);
    world.provider.faults.answer = (path) =>
      path === "/token" ? Response.json({ error: "invalid_grant" }, { status: 400 }) : undefined;
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
    const refused = await post(world, "/token", {
      grant_type: "refresh_token",
      client_id: clientId,
      refresh_token: tokens.refresh_token,
    });
    assert.equal((await refused.json()).error, "invalid_grant");
  },
);

const OUTAGES: [string, () => Response][] = [
  ["answers 500", () => new Response("oops", { status: 500 })],
  [
    "wants it slower",
    () => new Response("{}", { status: 429, headers: { "retry-after": "9" } }),
  ],
  ["answers with nonsense", () => new Response("<html>")],
  ["leaves the access token out", () => Response.json({ token_type: "bearer" })],
  ["refuses for a reason nobody knows", () => Response.json({ error: "odd" }, { status: 400 })],
];
for (const [what, answer] of OUTAGES) {
  testNeeding(PROVIDER_NEEDS, `a token endpoint that ${what} ends no session`, async () => {
    await using world = await createConnectWorld();
    const { tokens } = await signIn(world);
    world.advance(RUN_OUT);
    world.provider.faults.answer = (path) => path === "/token" ? answer() : undefined;
    const response = await callTool(world, tokens.access_token, "whoami");
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    world.provider.faults.answer = undefined;
    assert.equal((await whoami(world, tokens.access_token)).user_id, "user_alice");
  });
}

testNeeding(
  PROVIDER_NEEDS,
  "while discovery is away, the person can press the button again",
  async () => {
    await using world = await createConnectWorld();
    world.provider.faults.answer = () => new Response(null, { status: 502 });
    await assert.rejects(world.upstream.prepare(), UnavailableError);
    const { client_id } = await register(world);
    const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
    const browser = world.browser();
    const consent = await browser.visit(url);
    assert.equal((await browser.submit(consent, { decision: "approve" })).status, 503);
    world.provider.faults.answer = undefined;
    world.advance(5000);
    const login = await browser.submit(consent, { decision: "approve" });
    const { searchParams } = new URL((await browser.submit(login, { email: "x" })).url);
    assert.ok(searchParams.has("code"));
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "a person who refuses at WorkOS comes back with access_denied",
  async () => {
    await using world = await createConnectWorld();
    const { client_id } = await register(world);
    const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
    const browser = world.browser();
    const consent = await browser.visit(url);
    const login = await browser.submit(consent, { decision: "approve" });
    const { searchParams } = new URL((await browser.submit(login, { refuse: "yes" })).url);
    assert.equal(searchParams.get("error"), "access_denied");
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "after WorkOS has changed its key people sign in and are renewed",
  async () => {
    await using world = await createConnectWorld();
    const { tokens } = await signIn(world);
    await world.provider.rotateKey();
    world.advance(RUN_OUT);
    assert.equal((await whoami(world, tokens.access_token)).user_id, "user_alice");
    assert.ok((await signInOf(world)).has("code"));
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "the organization cannot be switched, and it is said what can be done",
  async () => {
    await using world = await createConnectWorld();
    const { tokens } = await signIn(world);
    const args = { organization_id: "org_globex" };
    const response = await callTool(world, tokens.access_token, "switch_organization", args);
    const { result } = await response.json();
    assert.equal(result.isError, true);
    assert.match(result.content[0].text, /sign in again.*still act for org_acme/i);
    assert.equal((await whoami(world, tokens.access_token)).organization_id, "org_acme");
  },
);
