import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import {
  assertRefused,
  authenticate,
  obtainCode,
  ORIGIN,
  signIn,
  startEmulator,
} from "./support.ts";

const ALICE = { provider: "authkit", login_hint: "alice@acme.test" };
const MINUTE = 60_000;

Deno.test("a code is exchanged for a session in WorkOS's shape, not OAuth's", async () => {
  const { emulator } = startEmulator();
  const session = await signIn(emulator, "alice@acme.test");
  assert.deepEqual(Object.keys(session), [
    "user",
    "organization_id",
    "access_token",
    "refresh_token",
    "authentication_method",
  ]);
  assert.deepEqual(session.user, {
    object: "user",
    id: "user_alice",
    email: "alice@acme.test",
    email_verified: true,
    name: "Alice Archer",
    first_name: "Alice",
    last_name: "Archer",
    profile_picture_url: null,
    last_sign_in_at: "2026-01-01T00:00:00.000Z",
    locale: null,
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
  });
  assert.equal(session.organization_id, "org_acme");
  assert.equal(session.authentication_method, "Password");
});

Deno.test("an access token has WorkOS's claims, neither aud nor scope, and lives five minutes", async () => {
  const { emulator, now } = startEmulator();
  const { access_token } = await signIn(emulator, "alice@acme.test");
  const { sid, jti, ...claims } = decodeJwt(access_token);
  assert.match(String(sid), /^session_\w+$/);
  assert.ok(jti);
  assert.deepEqual(claims, {
    iss: `${ORIGIN}/user_management/client_emulator`,
    sub: "user_alice",
    org_id: "org_acme",
    role: "admin",
    roles: ["admin"],
    permissions: ["members:read"],
    iat: now() / 1000,
    exp: now() / 1000 + 300,
  });
  assert.equal(decodeProtectedHeader(access_token).alg, "RS256");
});

Deno.test("the lifetime of access tokens can be set", async () => {
  const { emulator, now } = startEmulator({ accessTokenTtl: 5 });
  const { access_token } = await signIn(emulator, "alice@acme.test");
  assert.equal(decodeJwt(access_token).exp, now() / 1000 + 5);
});

Deno.test("a person without an organization has a token without organization and role", async () => {
  const { emulator } = startEmulator();
  const session = await signIn(emulator, "dave@solo.test");
  assert.equal(session.organization_id, undefined);
  assert.deepEqual(
    Object.keys(decodeJwt(session.access_token)).toSorted(),
    ["exp", "iat", "iss", "jti", "sid", "sub"],
  );
});

Deno.test("a member without permissions has an empty list of them", async () => {
  const { emulator } = startEmulator();
  const { access_token } = await signIn(emulator, "bob@acme.test");
  assert.partialDeepStrictEqual(decodeJwt(access_token), { role: "member", permissions: [] });
});

Deno.test("the user says whether the e-mail address is verified", async () => {
  const { emulator } = startEmulator();
  assert.equal((await signIn(emulator, "erin@acme.test")).user.email_verified, false);
});

Deno.test("a form is as good as JSON", async () => {
  const { emulator } = startEmulator();
  const response = await emulator.fetch(
    new Request(`${ORIGIN}/user_management/authenticate`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        client_id: emulatorCredentials.clientId,
        client_secret: emulatorCredentials.apiKey,
        code: await obtainCode(emulator, ALICE),
      }),
    }),
  );
  assert.equal(response.status, 200);
});

Deno.test("a code works once", async () => {
  const { emulator } = startEmulator();
  const body = { grant_type: "authorization_code", code: await obtainCode(emulator, ALICE) };
  assert.equal((await authenticate(emulator, body)).status, 200);
  await assertRefused(await authenticate(emulator, body), 400, {
    error: "invalid_grant",
    error_description: "The code has expired or is invalid.",
  });
});

Deno.test("a code works for ten minutes", async () => {
  const { emulator, advance } = startEmulator();
  const early = await obtainCode(emulator, ALICE);
  const late = await obtainCode(emulator, ALICE);
  const exchange = (code: string) =>
    authenticate(emulator, { grant_type: "authorization_code", code });
  advance(10 * MINUTE - 1);
  assert.equal((await exchange(early)).status, 200);
  advance(1);
  await assertRefused(await exchange(late), 400, { error: "invalid_grant" });
});

Deno.test("wrong credentials are refused and leave the code alone", async () => {
  const { emulator } = startEmulator();
  const code = await obtainCode(emulator, ALICE);
  const body = { grant_type: "authorization_code", code };
  const wrong: [Record<string, string | undefined>, string][] = [
    [{ client_id: "client_other" }, "Invalid client ID."],
    [{ client_id: undefined }, "Invalid client ID."],
    [{ client_secret: "sk_test_other" }, "Invalid client secret."],
    [{ client_secret: undefined }, "Invalid client secret."],
  ];
  for (const [credentials, error_description] of wrong) {
    await assertRefused(await authenticate(emulator, { ...body, ...credentials }), 400, {
      error: "invalid_client",
      error_description,
    });
  }
  assert.equal((await authenticate(emulator, body)).status, 200);
});

Deno.test("credentials other than the usual can be set", async () => {
  const { emulator } = startEmulator({ clientId: "client_1", apiKey: "sk_1" });
  const code = await obtainCode(emulator, { ...ALICE, client_id: "client_1" });
  const response = await authenticate(emulator, {
    grant_type: "authorization_code",
    client_id: "client_1",
    client_secret: "sk_1",
    code,
  });
  const { access_token } = await response.json();
  assert.equal(decodeJwt(access_token).iss, `${ORIGIN}/user_management/client_1`);
});

Deno.test("the verifier of the code challenge is demanded", async () => {
  const { emulator } = startEmulator();
  const code_verifier = "verifier-verifier-verifier-verifier-verifier";
  const exchange = async (verifier: string | undefined) =>
    authenticate(emulator, {
      grant_type: "authorization_code",
      code: await obtainCode(emulator, {
        ...ALICE,
        code_challenge: createHash("sha256").update(code_verifier).digest("base64url"),
        code_challenge_method: "S256",
      }),
      code_verifier: verifier,
    });
  assert.equal((await exchange(code_verifier)).status, 200);
  await assertRefused(await exchange(`${code_verifier}x`), 400, { error: "invalid_grant" });
  await assertRefused(await exchange(undefined), 400, { error: "invalid_request" });
});

Deno.test("a verifier without a code challenge is refused", async () => {
  const { emulator } = startEmulator();
  const response = await authenticate(emulator, {
    grant_type: "authorization_code",
    code: await obtainCode(emulator, ALICE),
    code_verifier: "verifier",
  });
  await assertRefused(response, 400, { code: "code_challenge_not_found" });
});

Deno.test("a wrong verifier uses the code up", async () => {
  const { emulator } = startEmulator();
  const body = { grant_type: "authorization_code", code: await obtainCode(emulator, ALICE) };
  await authenticate(emulator, { ...body, code_verifier: "wrong" });
  await assertRefused(await authenticate(emulator, body), 400, { error: "invalid_grant" });
});

Deno.test("the way of signing in is told", async () => {
  const { emulator } = startEmulator();
  const methodOf = async (parameters: Record<string, string>) =>
    (await signIn(emulator, "alice@acme.test", parameters)).authentication_method;
  assert.equal(await methodOf({ provider: "GitHubOAuth" }), "GitHubOAuth");
  assert.equal(await methodOf({ connection_id: "conn_acme" }), "SSO");
  assert.equal(await methodOf({ organization_id: "org_acme" }), "SSO");
  assert.equal(
    await methodOf({ provider: "authkit", organization_id: "org_acme" }),
    "Password",
  );
});

Deno.test("a grant type nobody knows is refused", async () => {
  const { emulator } = startEmulator();
  const response = await authenticate(emulator, { grant_type: "password" });
  await assertRefused(response, 400, { error: "unsupported_grant_type" });
});

Deno.test("a missing parameter is named", async () => {
  const { emulator } = startEmulator();
  await assertRefused(await authenticate(emulator, {}), 422, {
    code: "invalid_request_parameters",
    errors: [{ code: "grant_type_invalid" }],
  });
  await assertRefused(await authenticate(emulator, { grant_type: "refresh_token" }), 422, {
    errors: [{ code: "refresh_token_invalid" }],
  });
});

Deno.test("a body that is not JSON is refused", async () => {
  const { emulator } = startEmulator();
  const post = (body: string) =>
    emulator.fetch(
      new Request(`${ORIGIN}/user_management/authenticate`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      }),
    );
  await assertRefused(await post("{"), 400, { code: "invalid_request" });
  for (const body of ["null", "[]", `"text"`, "1"]) {
    await assertRefused(await post(body), 400, { error: "invalid_client" });
  }
});

Deno.test("a member of several organizations has to choose", async () => {
  const { emulator } = startEmulator();
  const code = await obtainCode(emulator, {
    provider: "GoogleOAuth",
    login_hint: "carol@globex.test",
  });
  const refusal = await authenticate(emulator, { grant_type: "authorization_code", code });
  assert.equal(refusal.status, 403);
  const { pending_authentication_token, message, user, ...rest } = await refusal.json();
  assert.deepEqual(rest, {
    code: "organization_selection_required",
    organizations: [{ id: "org_acme", name: "Acme" }, { id: "org_globex", name: "Globex" }],
  });
  assert.ok(message);
  assert.equal(user.id, "user_carol");

  const select = (organization_id: string) =>
    authenticate(emulator, {
      grant_type: "urn:workos:oauth:grant-type:organization-selection",
      pending_authentication_token,
      organization_id,
    });
  await assertRefused(await select("org_nowhere"), 400, {
    error: "organization_membership_not_found",
  });
  const session = await (await select("org_globex")).json();
  assert.equal(session.organization_id, "org_globex");
  assert.equal(session.authentication_method, "GoogleOAuth");
  assert.equal(decodeJwt(session.access_token).org_id, "org_globex");
  await assertRefused(await select("org_acme"), 400, {
    code: "invalid_pending_authentication_token",
  });
});

Deno.test("the choice of an organization has to come within ten minutes", async () => {
  const { emulator, advance } = startEmulator();
  const code = await obtainCode(emulator, {
    provider: "authkit",
    login_hint: "carol@globex.test",
  });
  const refusal = await authenticate(emulator, { grant_type: "authorization_code", code });
  const { pending_authentication_token } = await refusal.json();
  advance(10 * MINUTE);
  const response = await authenticate(emulator, {
    grant_type: "urn:workos:oauth:grant-type:organization-selection",
    pending_authentication_token,
    organization_id: "org_acme",
  });
  await assertRefused(response, 400, { code: "invalid_pending_authentication_token" });
});
