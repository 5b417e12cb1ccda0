/**
 * What this server relies on in WorkOS, asked of whatever is at `WORKOS_CONTRACT_URL`: WorkOS Emulate,
 * a staging environment, or, by default, the emulator here. With WorkOS Emulate:
 *
 *     WORKOS_CONTRACT_URL=http://localhost:4100 WORKOS_CONTRACT_API_KEY=sk_test_default \
 *       WORKOS_CONTRACT_CLIENT_ID=client_123 deno test -P=test tests/workos/contract_test.ts
 *
 * Where `/user_management/authorize` shows pages instead of coming back with a code, as WorkOS
 * itself does, `WORKOS_CONTRACT_EMAIL` and `WORKOS_CONTRACT_PASSWORD` sign a test user in. A session
 * of theirs is made and ended; nothing else changes there.
 */

import assert from "node:assert/strict";
import {
  OrganizationSelectionError,
  SessionEndedError,
  SignInRefusedError,
  WorkOSSetupError,
} from "../../lib/errors.ts";
import { createPkce } from "../support/oauth_client.ts";
import { createEmulator, emulatorCredentials } from "../../lib/workos/emulator/emulator.ts";
import { connectWorkOS, type WorkOSConnection } from "../../lib/workos/connect_workos.ts";
import type { UpstreamSession } from "../../lib/workos/upstream.ts";

const BUILT_IN = "http://localhost:4100";
const REDIRECT_URI = "http://localhost:8000/auth/callback";

const url = read("URL") ?? BUILT_IN;
const clientId = read("CLIENT_ID") ?? emulatorCredentials.clientId;
const apiKey = read("API_KEY") ?? emulatorCredentials.apiKey;
const email = read("EMAIL") ?? "alice@acme.test";
const password = read("PASSWORD");

const ask = read("URL") === undefined
  ? createEmulator({ origin: BUILT_IN, now: Date.now, redirectUris: [REDIRECT_URI] }).fetch
  : (request: Request) => fetch(request, { redirect: "manual" });

function read(name: string): string | undefined {
  const variable = `WORKOS_CONTRACT_${name}`;
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}

function connect(key: string = apiKey): WorkOSConnection {
  return connectWorkOS({
    config: { apiUrl: url, credentials: { clientId, apiKeys: [key] } },
    baseUrl: new URL(REDIRECT_URI).origin,
    resource: `${new URL(REDIRECT_URI).origin}/mcp`,
    fetch: (input, init) => ask(new Request(input, init)),
    now: Date.now,
  });
}

/** The code for a person who signs in without being asked anything; undefined where pages ask. */
async function findCode(challenge: string): Promise<string | undefined> {
  const { upstream } = connect();
  const target = await upstream.getAuthorizationUrl({
    state: "state of ours",
    codeChallenge: challenge,
    loginHint: email,
  });
  const response = await ask(new Request(target));
  await response.body?.cancel();
  const location = URL.parse(response.headers.get("location") ?? "");
  if (!location?.href.startsWith(`${REDIRECT_URI}?`)) return undefined;
  assert.equal(location.searchParams.get("error"), null, location.href);
  assert.equal(location.searchParams.get("state"), "state of ours");
  return location.searchParams.get("code") ?? undefined;
}

async function signIn(): Promise<UpstreamSession> {
  const { api, upstream } = connect();
  const { challenge, verifier } = createPkce();
  const code = await findCode(challenge);
  if (code !== undefined) {
    try {
      return await upstream.exchangeCode({ code, codeVerifier: verifier });
    } catch (error) {
      if (!(error instanceof OrganizationSelectionError)) throw error;
      const organizationId = error.organizations[0]?.id ?? "";
      return await upstream.selectOrganization({
        pendingToken: error.pendingToken,
        organizationId,
      });
    }
  }
  if (password === undefined || api === undefined) {
    throw new Error("Nobody can sign in there: set WORKOS_CONTRACT_EMAIL and _PASSWORD.");
  }
  const { refreshToken, organizationId } = await api.call(
    "exchange",
    ({ userManagement }) => userManagement.authenticateWithPassword({ clientId, email, password }),
  );
  return await upstream.refresh({ refreshToken, organizationId });
}

Deno.test(`${url} tells issuer and keys`, () => connect().upstream.prepare());

Deno.test(`${url} accepts the API key`, () => connect().upstream.checkCredentials());

Deno.test(`${url} refuses another API key`, async () => {
  const isSetupError = (error: unknown) => {
    assert.ok(error instanceof WorkOSSetupError);
    assert.equal(error.code, "invalid_api_key");
    return true;
  };
  await assert.rejects(connect("sk_test_of_nobody").upstream.checkCredentials(), isSetupError);
});

Deno.test(`${url} refuses a code that it did not make`, async () => {
  const exchange = connect().upstream.exchangeCode({
    code: "01J00000000000000000000000",
    codeVerifier: createPkce().verifier,
  });
  await assert.rejects(exchange, SignInRefusedError);
});

Deno.test(`${url} refuses a refresh token that it did not make`, async () => {
  const refresh = connect().upstream.refresh({ refreshToken: "refresh-token-of-nobody" });
  await assert.rejects(refresh, SessionEndedError);
});

Deno.test(`${url} takes the end of a session that it does not know`, async () => {
  await connect().upstream.revokeSession("session_01J00000000000000000000000");
});

Deno.test(`${url} binds a code to its verifier and lets it work once`, async () => {
  const { upstream } = connect();
  const { challenge, verifier } = createPkce();
  const code = await findCode(challenge);
  if (code === undefined) return;
  const wrong = upstream.exchangeCode({ code, codeVerifier: createPkce().verifier });
  await assert.rejects(wrong, SignInRefusedError);
  const again = await findCode(challenge) ?? "";
  const first = upstream.exchangeCode({ code: again, codeVerifier: verifier });
  await first.catch((error) => {
    if (!(error instanceof OrganizationSelectionError)) throw error;
  });
  await assert.rejects(
    upstream.exchangeCode({ code: again, codeVerifier: verifier }),
    SignInRefusedError,
  );
});

Deno.test(`${url} signs in, renews once a token, and ends`, async () => {
  const { upstream, directory } = connect();
  const session = await signIn();
  const { identity } = session;
  assert.match(identity.userId, /^user_/);
  assert.match(identity.sessionId, /^session_/);
  assert.ok(session.expiresAt > Date.now());

  const renewed = await upstream.refresh({ ...session, ...identity });
  assert.equal(renewed.identity.sessionId, identity.sessionId);
  assert.equal(renewed.identity.organizationId, identity.organizationId);
  await assert.rejects(upstream.refresh({ ...session, ...identity }), SessionEndedError);

  const organizations = await directory.listOrganizations(identity.userId);
  if (identity.organizationId !== undefined) {
    assert.ok(organizations.some(({ id }) => id === identity.organizationId));
    const { items } = await directory.listMembers(identity.organizationId);
    assert.ok(items.some(({ id }) => id === identity.userId));
  }
  assert.deepEqual(await directory.findUserIds(identity.email ?? ""), [identity.userId]);

  const foreign = "org_01J00000000000000000000000";
  const elsewhere = upstream.refresh({ ...renewed, organizationId: foreign });
  await assert.rejects(elsewhere, Error, "an organization the person is not in");
  const last = await upstream.refresh({ ...renewed, ...identity });

  await upstream.revokeSession(identity.sessionId);
  await assert.rejects(upstream.refresh({ ...last, ...identity }), SessionEndedError);
});
