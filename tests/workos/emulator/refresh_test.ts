import assert from "node:assert/strict";
import { decodeJwt } from "jose";
import {
  assertRefused,
  authenticate,
  obtainCode,
  refresh,
  signIn,
  startEmulator,
} from "./support.ts";

const ALICE = { provider: "authkit", login_hint: "alice@acme.test" };
const MINUTE = 60_000;

Deno.test("a refresh renews the session and leaves the way of signing in out", async () => {
  const { emulator, advance } = startEmulator();
  const first = await signIn(emulator, "alice@acme.test");
  advance(4 * MINUTE);
  const second = await (await refresh(emulator, first.refresh_token)).json();
  assert.deepEqual(Object.keys(second), [
    "user",
    "organization_id",
    "access_token",
    "refresh_token",
  ]);
  assert.notEqual(second.refresh_token, first.refresh_token);
  const before = decodeJwt(first.access_token);
  const after = decodeJwt(second.access_token);
  assert.equal(after.sid, before.sid);
  assert.notEqual(after.jti, before.jti);
  assert.equal(after.iat, (before.iat ?? 0) + 240);
});

Deno.test("a refresh token works once, and the session survives the second attempt", async () => {
  const { emulator } = startEmulator();
  const { refresh_token } = await signIn(emulator, "alice@acme.test");
  const answers = await Promise.all([
    refresh(emulator, refresh_token),
    refresh(emulator, refresh_token),
  ]);
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 400]);
  await assertRefused(await refresh(emulator, refresh_token), 400, {
    error: "invalid_grant",
    error_description: "Refresh token already exchanged.",
  });
  const renewed = await answers.find(({ ok }) => ok)?.json();
  assert.equal((await refresh(emulator, renewed.refresh_token)).status, 200);
});

Deno.test("a refresh token nobody issued is refused", async () => {
  const { emulator } = startEmulator();
  await assertRefused(await refresh(emulator, "made up"), 400, {
    error: "invalid_grant",
    error_description: "Invalid refresh token.",
  });
});

Deno.test("a session ends after thirty days however often it is refreshed", async () => {
  const { emulator, advance } = startEmulator();
  let { refresh_token } = await signIn(emulator, "alice@acme.test");
  advance(30 * 24 * 60 * MINUTE - 1);
  ({ refresh_token } = await (await refresh(emulator, refresh_token)).json());
  advance(1);
  await assertRefused(await refresh(emulator, refresh_token), 400, { error: "invalid_grant" });
});

Deno.test("a refresh switches to another organization and stays there", async () => {
  const { emulator } = startEmulator();
  const carol = { provider: "authkit", organization_id: "org_acme" };
  const first = await signIn(emulator, "carol@globex.test", carol);
  const second = await (await refresh(emulator, first.refresh_token, "org_globex")).json();
  assert.equal(second.organization_id, "org_globex");
  assert.equal(decodeJwt(second.access_token).org_id, "org_globex");
  const third = await (await refresh(emulator, second.refresh_token)).json();
  assert.equal(third.organization_id, "org_globex");
});

Deno.test("a refresh for a stranger's organization is refused and spends no token", async () => {
  const { emulator } = startEmulator();
  const { refresh_token } = await signIn(emulator, "bob@acme.test");
  await assertRefused(await refresh(emulator, refresh_token, "org_globex"), 400, {
    error: "organization_membership_not_found",
  });
  assert.equal((await refresh(emulator, refresh_token)).status, 200);
});

Deno.test("new roles and permissions come with the next refresh", async () => {
  const { emulator } = startEmulator();
  const { directory } = emulator;
  const { refresh_token } = await signIn(emulator, "bob@acme.test");
  directory.setPermissions("editor", ["documents:write", "members:read"]);
  directory.setRole("user_bob", "org_acme", "admin", "editor");
  const { access_token } = await (await refresh(emulator, refresh_token)).json();
  assert.partialDeepStrictEqual(decodeJwt(access_token), {
    role: "admin",
    roles: ["admin", "editor"],
    permissions: ["members:read", "documents:write"],
  });
});

Deno.test("a revoked session is not refreshed", async () => {
  const { emulator } = startEmulator();
  const { access_token, refresh_token } = await signIn(emulator, "alice@acme.test");
  emulator.directory.revokeSession(String(decodeJwt(access_token).sid));
  await assertRefused(await refresh(emulator, refresh_token), 400, {
    error: "invalid_grant",
    error_description: "Session has already ended.",
  });
});

Deno.test("a deactivated member loses the sessions of that organization only", async () => {
  const { emulator } = startEmulator();
  const [acme, globex] = await Promise.all(
    ["org_acme", "org_globex"].map((organization_id) =>
      signIn(emulator, "carol@globex.test", { provider: "authkit", organization_id })
    ),
  );
  emulator.directory.deactivateMembership("user_carol", "org_acme");
  await assertRefused(await refresh(emulator, acme?.refresh_token ?? ""), 400, {
    error_description: "Session has already ended.",
  });
  assert.equal((await refresh(emulator, globex?.refresh_token ?? "")).status, 200);
});

Deno.test("a removed member is refused at the next refresh, and welcome when back", async () => {
  const { emulator } = startEmulator();
  const { refresh_token } = await signIn(emulator, "bob@acme.test");
  emulator.directory.removeMembership("user_bob", "org_acme");
  await assertRefused(await refresh(emulator, refresh_token), 400, {
    error: "organization_membership_not_found",
  });
  emulator.directory.addMembership("user_bob", "org_acme", "member");
  assert.equal((await refresh(emulator, refresh_token)).status, 200);
});

Deno.test("a deleted user can neither finish a sign-in nor refresh", async () => {
  const { emulator } = startEmulator();
  const code = await obtainCode(emulator, ALICE);
  const { refresh_token } = await signIn(emulator, "alice@acme.test");
  emulator.directory.deleteUser("user_alice");
  await assertRefused(
    await authenticate(emulator, { grant_type: "authorization_code", code }),
    400,
    { error: "invalid_grant" },
  );
  await assertRefused(await refresh(emulator, refresh_token), 400, { error: "invalid_grant" });
});

Deno.test("a member who leaves between sign-in and exchange gets no session", async () => {
  const { emulator } = startEmulator();
  const code = await obtainCode(emulator, { ...ALICE, organization_id: "org_acme" });
  emulator.directory.removeMembership("user_alice", "org_acme");
  await assertRefused(
    await authenticate(emulator, { grant_type: "authorization_code", code }),
    400,
    { error: "organization_membership_not_found" },
  );
});

Deno.test("an administrator who signs in as somebody is named, until the session is over", async () => {
  const { emulator } = startEmulator();
  const impersonator = { email: "admin@acme.test", reason: "Ticket 1" };
  emulator.directory.setImpersonator("user_bob", impersonator);
  const first = await signIn(emulator, "bob@acme.test");
  assert.equal(first.authentication_method, "Impersonation");
  assert.deepEqual(first.impersonator, impersonator);
  assert.deepEqual(decodeJwt(first.access_token).act, { sub: "admin@acme.test" });
  emulator.directory.setImpersonator("user_bob");
  const second = await (await refresh(emulator, first.refresh_token)).json();
  assert.deepEqual(second.impersonator, impersonator);
  assert.equal((await signIn(emulator, "bob@acme.test")).impersonator, undefined);
});
