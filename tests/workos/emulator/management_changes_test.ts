import assert from "node:assert/strict";
import {
  GenericServerException,
  NotFoundException,
  UnauthorizedException,
  UnprocessableEntityException,
} from "@workos-inc/node";
import { type Emulator, emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import { createSdk, ORIGIN, refresh, signIn, startEmulator } from "./support.ts";

function listNames({ events }: Emulator): string[] {
  return events.list().map(({ event }) => event);
}

Deno.test("a user is changed, and what is not named stays", async () => {
  const { emulator } = startEmulator();
  const { userManagement } = createSdk(emulator);
  const user = await userManagement.updateUser({ userId: "user_bob", firstName: "Rob" });
  assert.partialDeepStrictEqual(user, {
    email: "bob@acme.test",
    emailVerified: true,
    name: "Rob Baker",
  });
  assert.deepEqual(await userManagement.getUser("user_bob"), user);
  assert.deepEqual(listNames(emulator), ["user.updated"]);
});

Deno.test("another e-mail address is not verified, unless the application says so", async () => {
  const { emulator } = startEmulator();
  const { userManagement } = createSdk(emulator);
  const change = async (changes: { email?: string; emailVerified?: boolean }) =>
    (await userManagement.updateUser({ userId: "user_bob", ...changes })).emailVerified;
  assert.equal(await change({ email: "bob@acme.test" }), true);
  assert.equal(await change({ email: "rob@acme.test" }), false);
  assert.equal(await change({ emailVerified: true }), true);
  assert.equal(await change({ email: "bob@acme.test", emailVerified: true }), true);
  await signIn(emulator, "bob@acme.test");
});

Deno.test("an e-mail address belongs to one user", async () => {
  const { emulator } = startEmulator();
  const { userManagement } = createSdk(emulator);
  await assert.rejects(
    userManagement.updateUser({ userId: "user_bob", email: "Alice@acme.test" }),
    (error) => error instanceof GenericServerException && error.code === "email_not_available",
  );
  assert.equal(emulator.directory.getUser("user_bob").email, "bob@acme.test");
});

Deno.test("a user is deleted, with sessions and memberships", async () => {
  const { emulator } = startEmulator();
  const { refresh_token } = await signIn(emulator, "bob@acme.test");
  const { userManagement } = createSdk(emulator);
  await userManagement.deleteUser("user_bob");
  await assert.rejects(userManagement.getUser("user_bob"), NotFoundException);
  assert.equal((await refresh(emulator, refresh_token)).status, 400);
  assert.deepEqual(listNames(emulator), [
    "session.created",
    "organization_membership.deleted",
    "session.revoked",
    "user.deleted",
  ]);
});

Deno.test("a membership is found, and its roles are changed", async () => {
  const { emulator } = startEmulator();
  const { userManagement } = createSdk(emulator);
  const membership = await userManagement.getOrganizationMembership("om_bob_acme");
  assert.partialDeepStrictEqual(membership, { userId: "user_bob", organizationId: "org_acme" });
  const change = (roles: { roleSlug: string } | { roleSlugs: string[] }) =>
    userManagement.updateOrganizationMembership("om_bob_acme", roles);
  assert.deepEqual((await change({ roleSlug: "admin" })).roles, [{ slug: "admin" }]);
  const { role, roles } = await change({ roleSlugs: ["member", "admin"] });
  assert.deepEqual([role, roles], [{ slug: "member" }, [{ slug: "member" }, { slug: "admin" }]]);
  assert.deepEqual(listNames(emulator), [
    "organization_membership.updated",
    "organization_membership.updated",
  ]);
});

Deno.test("a membership is made inactive and active again, which says nothing the second time", async () => {
  const { emulator } = startEmulator();
  const { userManagement } = createSdk(emulator);
  const { refresh_token } = await signIn(emulator, "alice@acme.test");
  for (let time = 0; time < 2; time++) {
    const { status } = await userManagement.deactivateOrganizationMembership("om_alice_acme");
    assert.equal(status, "inactive");
  }
  assert.equal((await refresh(emulator, refresh_token)).status, 400);
  for (let time = 0; time < 2; time++) {
    const membership = await userManagement.reactivateOrganizationMembership("om_alice_acme");
    assert.partialDeepStrictEqual(membership, { status: "active", role: { slug: "admin" } });
  }
  assert.equal((await refresh(emulator, refresh_token)).status, 200);
  assert.deepEqual(listNames(emulator), [
    "session.created",
    "organization_membership.updated",
    "organization_membership.updated",
  ]);
});

Deno.test("a membership and an organization are deleted", async () => {
  const { emulator } = startEmulator();
  const { userManagement, organizations } = createSdk(emulator);
  await userManagement.deleteOrganizationMembership("om_carol_acme");
  await organizations.deleteOrganization("org_globex");
  await assert.rejects(organizations.getOrganization("org_globex"), NotFoundException);
  assert.deepEqual(emulator.directory.listMemberships({ userId: "user_carol" }), []);
  assert.deepEqual(listNames(emulator), [
    "organization_membership.deleted",
    "organization_membership.deleted",
    "organization.deleted",
  ]);
});

Deno.test("changes that cannot be made are refused, and change nothing", async () => {
  const { emulator } = startEmulator();
  const { userManagement, organizations } = createSdk(emulator);
  const notFound = [
    () => userManagement.updateUser({ userId: "user_0", firstName: "Nobody" }),
    () => userManagement.deleteUser("user_0"),
    () => userManagement.getOrganizationMembership("om_0"),
    () => userManagement.updateOrganizationMembership("om_0", { roleSlug: "admin" }),
    () => userManagement.deactivateOrganizationMembership("om_0"),
    () => userManagement.reactivateOrganizationMembership("om_0"),
    () => userManagement.deleteOrganizationMembership("om_0"),
    () => organizations.deleteOrganization("org_0"),
  ];
  for (const change of notFound) await assert.rejects(change, NotFoundException);
  const invalid = [
    () => userManagement.updateUser({ userId: "user_bob", email: "bob" }),
    () => userManagement.updateOrganizationMembership("om_bob_acme", {}),
    () => userManagement.updateOrganizationMembership("om_bob_acme", { roleSlugs: [] }),
    () => userManagement.updateOrganizationMembership("om_bob_acme", { roleSlug: "emperor" }),
  ];
  for (const change of invalid) await assert.rejects(change, UnprocessableEntityException);
  assert.deepEqual(listNames(emulator), []);
});

Deno.test("a body that is not right is refused, with the name of what is wrong", async () => {
  const { emulator } = startEmulator();
  const put = async (body: string) => {
    const response = await emulator.fetch(
      new Request(`${ORIGIN}/user_management/users/user_bob`, {
        method: "PUT",
        headers: { authorization: `Bearer ${emulatorCredentials.apiKey}` },
        body,
      }),
    );
    return [response.status, (await response.json()).errors?.[0].field];
  };
  assert.deepEqual(await put('{"email_verified":"yes"}'), [422, "email_verified"]);
  assert.deepEqual(await put("[]"), [422, "body"]);
  assert.deepEqual(await put("{"), [400, undefined]);
});

Deno.test("nothing is changed without the API key", async () => {
  const { emulator } = startEmulator();
  const { userManagement, organizations } = createSdk(emulator, "sk_test_other");
  const changes = [
    () => userManagement.updateUser({ userId: "user_bob", firstName: "Rob" }),
    () => userManagement.deleteUser("user_bob"),
    () => userManagement.getOrganizationMembership("om_bob_acme"),
    () => userManagement.updateOrganizationMembership("om_bob_acme", { roleSlug: "admin" }),
    () => userManagement.deactivateOrganizationMembership("om_bob_acme"),
    () => userManagement.reactivateOrganizationMembership("om_bob_acme"),
    () => userManagement.deleteOrganizationMembership("om_bob_acme"),
    () => organizations.deleteOrganization("org_acme"),
  ];
  for (const change of changes) await assert.rejects(change, UnauthorizedException);
  assert.deepEqual(listNames(emulator), []);
});
