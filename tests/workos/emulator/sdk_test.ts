import assert from "node:assert/strict";
import {
  AuthenticationException,
  GenericServerException,
  NotFoundException,
  OauthException,
  UnauthorizedException,
  UnprocessableEntityException,
} from "@workos-inc/node";
import { createLocalJWKSet, jwtVerify } from "jose";
import { type Emulator, emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import { CALLBACK, createSdk, readRedirect, startEmulator } from "./support.ts";

const { clientId, webhookSecret } = emulatorCredentials;

async function follow(emulator: Emulator, url: string): Promise<string> {
  return readRedirect(await emulator.fetch(new Request(url))).code ?? "";
}

Deno.test("the WorkOS SDK signs in, verifies, refreshes and revokes", async () => {
  const { emulator, now } = startEmulator();
  const sdk = createSdk(emulator);
  const { url, codeVerifier, state } = await sdk.userManagement.getAuthorizationUrlWithPKCE({
    provider: "authkit",
    redirectUri: CALLBACK,
    loginHint: "alice@acme.test",
  });
  const callback = readRedirect(await emulator.fetch(new Request(url)));
  assert.equal(callback.state, state);

  const session = await sdk.userManagement.authenticateWithCode({
    code: callback.code ?? "",
    codeVerifier,
    ipAddress: "203.0.113.7",
    userAgent: "Test/1",
  });
  assert.partialDeepStrictEqual(session, {
    organizationId: "org_acme",
    authenticationMethod: "Password",
    user: {
      id: "user_alice",
      email: "alice@acme.test",
      emailVerified: true,
      firstName: "Alice",
      name: "Alice Archer",
    },
  });

  const keys = await emulator.fetch(new Request(sdk.userManagement.getJwksUrl(clientId)));
  const { payload } = await jwtVerify(session.accessToken, createLocalJWKSet(await keys.json()), {
    algorithms: ["RS256"],
    issuer: `http://localhost:4100/user_management/${clientId}`,
    requiredClaims: ["sub", "sid", "exp"],
    currentDate: new Date(now()),
  });
  const sessionId = String(payload.sid);

  const renewed = await sdk.userManagement.authenticateWithRefreshToken({
    refreshToken: session.refreshToken,
  });
  assert.equal(renewed.organizationId, "org_acme");

  const sessions = await sdk.userManagement.listSessions("user_alice");
  assert.partialDeepStrictEqual(sessions.data[0], {
    id: sessionId,
    status: "active",
    authMethod: "password",
    organizationId: "org_acme",
    ipAddress: "203.0.113.7",
    userAgent: "Test/1",
  });
  await sdk.userManagement.revokeSession({ sessionId });
  await assert.rejects(
    sdk.userManagement.authenticateWithRefreshToken({ refreshToken: renewed.refreshToken }),
    (error) =>
      error instanceof OauthException && error.status === 400 && error.error === "invalid_grant" &&
      error.errorDescription === "Session has already ended.",
  );
});

Deno.test("the WorkOS SDK selects an organization", async () => {
  const { emulator } = startEmulator();
  const sdk = createSdk(emulator);
  const code = await follow(
    emulator,
    sdk.userManagement.getAuthorizationUrl({
      provider: "GoogleOAuth",
      redirectUri: CALLBACK,
      loginHint: "carol@globex.test",
    }),
  );
  const refusal: unknown = await sdk.userManagement.authenticateWithCode({ code })
    .catch((error: unknown) => error);
  assert.ok(refusal instanceof AuthenticationException);
  assert.equal(refusal.status, 403);
  assert.equal(refusal.code, "organization_selection_required");
  assert.deepEqual(refusal.rawData.organizations, [
    { id: "org_acme", name: "Acme" },
    { id: "org_globex", name: "Globex" },
  ]);
  const session = await sdk.userManagement.authenticateWithOrganizationSelection({
    pendingAuthenticationToken: refusal.pendingAuthenticationToken ?? "",
    organizationId: "org_globex",
  });
  assert.equal(session.organizationId, "org_globex");
  const switched = await sdk.userManagement.authenticateWithRefreshToken({
    refreshToken: session.refreshToken,
    organizationId: "org_acme",
  });
  assert.equal(switched.organizationId, "org_acme");
});

Deno.test("the WorkOS SDK names the person behind an SSO connection", async () => {
  const { emulator } = startEmulator();
  const sdk = createSdk(emulator);
  const connection = await sdk.sso.getConnection("conn_acme");
  assert.equal(connection.organizationId, "org_acme");
  const code = await follow(
    emulator,
    sdk.userManagement.getAuthorizationUrl({
      connectionId: connection.id,
      redirectUri: CALLBACK,
      loginHint: "alice@acme.test",
    }),
  );
  const session = await sdk.userManagement.authenticateWithCode({ code });
  assert.equal(session.authenticationMethod, "SSO");
});

Deno.test("the WorkOS SDK reads people and organizations, page by page", async () => {
  const { emulator } = startEmulator();
  const { userManagement, organizations } = createSdk(emulator);
  assert.equal((await userManagement.getUser("user_bob")).email, "bob@acme.test");
  for (let number = 0; number < 120; number++) {
    emulator.directory.addUser({
      id: `user_${number}`,
      email: `${number}@many.test`,
      firstName: "One",
      lastName: "Of Many",
    });
  }
  const users = await (await userManagement.listUsers()).autoPagination();
  assert.equal(new Set(users.map(({ id }) => id)).size, 125);
  const memberships = await userManagement.listOrganizationMemberships({
    userId: "user_carol",
    statuses: ["active", "pending"],
  });
  assert.deepEqual(
    memberships.data.map((membership) => [membership.organizationName, membership.role.slug]),
    [["Globex", "member"], ["Acme", "member"]],
  );
  assert.equal((await organizations.getOrganization("org_acme")).name, "Acme");
  assert.equal((await organizations.listOrganizations()).data.length, 2);
});

Deno.test("the WorkOS SDK throws for refusals what it throws in production", async () => {
  const { emulator } = startEmulator();
  const sdk = createSdk(emulator);
  const stranger = createSdk(emulator, "sk_test_other");
  await assert.rejects(stranger.userManagement.getUser("user_bob"), UnauthorizedException);
  await assert.rejects(
    stranger.userManagement.authenticateWithRefreshToken({ refreshToken: "x" }),
    (error) => error instanceof OauthException && error.error === "invalid_client",
  );
  await assert.rejects(sdk.userManagement.getUser("user_nobody"), NotFoundException);
  await assert.rejects(sdk.userManagement.listUsers({ limit: 0 }), UnprocessableEntityException);
  await assert.rejects(
    sdk.userManagement.revokeSession({ sessionId: "session_0" }),
    (error) => error instanceof GenericServerException && error.status === 400,
  );
  await assert.rejects(
    sdk.userManagement.authenticateWithOrganizationSelection({
      pendingAuthenticationToken: "x",
      organizationId: "org_acme",
    }),
    (error) =>
      error instanceof GenericServerException &&
      error.code === "invalid_pending_authentication_token",
  );
});

Deno.test("the WorkOS SDK accepts a webhook the emulator signed", async () => {
  const { emulator } = startEmulator({ now: Date.now });
  const body = JSON.stringify({
    id: "event_1",
    event: "user.deleted",
    created_at: "2026-01-01T00:00:00.000Z",
    data: {},
  });
  const webhooks = createSdk(emulator).webhooks;
  const event = await webhooks.constructEvent({
    payload: body,
    sigHeader: emulator.signWebhook(body),
    secret: webhookSecret,
  });
  assert.equal(event.event, "user.deleted");
  await assert.rejects(
    webhooks.constructEvent({
      payload: body,
      sigHeader: startEmulator({ now: Date.now, webhookSecret: "other" }).emulator
        .signWebhook(body),
      secret: webhookSecret,
    }),
    { name: "SignatureVerificationException" },
  );
});
