import assert from "node:assert/strict";
import { type Emulator, emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import { ORIGIN, refresh, signIn, startEmulator } from "./support.ts";

function call(emulator: Emulator, path: string, body?: unknown, key?: string): Promise<Response> {
  return emulator.fetch(
    new Request(new URL(path, ORIGIN), {
      headers: {
        authorization: key ?? `Bearer ${emulatorCredentials.apiKey}`,
        "content-type": "application/json",
      },
      ...body !== undefined && { method: "POST", body: JSON.stringify(body) },
    }),
  );
}

async function listIds(emulator: Emulator, path: string): Promise<string[]> {
  const { data } = await (await call(emulator, path)).json();
  return data.map(({ id }: { id: string }) => id);
}

Deno.test("nothing is told or done without the API key", async () => {
  const { emulator } = startEmulator();
  const { refresh_token } = await signIn(emulator, "alice@acme.test");
  const paths = [
    "/user_management/users",
    "/user_management/users/user_alice",
    "/user_management/users/user_alice/sessions",
    "/user_management/organization_memberships?user_id=user_alice",
    "/organizations",
    "/organizations/org_acme",
    "/connections/conn_acme",
  ];
  for (const key of ["", "Bearer sk_test_other", emulatorCredentials.apiKey]) {
    for (const path of paths) {
      const response = await call(emulator, path, undefined, key);
      assert.equal(response.status, 401, path);
      assert.deepEqual(await response.json(), { message: "Unauthorized" });
    }
    const body = { session_id: refresh_token.split(".")[0] };
    const response = await call(emulator, "/user_management/sessions/revoke", body, key);
    assert.equal(response.status, 401);
  }
  assert.equal((await refresh(emulator, refresh_token)).status, 200);
});

Deno.test("single objects are found by id", async () => {
  const { emulator } = startEmulator();
  const objects: Record<string, Record<string, unknown>> = {
    "/user_management/users/user_erin": { object: "user", email: "erin@acme.test" },
    "/organizations/org_globex": { object: "organization", name: "Globex", domains: [] },
    "/connections/conn_acme": {
      object: "connection",
      organization_id: "org_acme",
      state: "active",
      connection_type: "GenericSAML",
    },
  };
  for (const [path, expected] of Object.entries(objects)) {
    assert.partialDeepStrictEqual(await (await call(emulator, path)).json(), expected);
  }
});

Deno.test("an id nobody has is 404 and named", async () => {
  const { emulator } = startEmulator();
  const response = await call(emulator, "/user_management/users/user_nobody");
  assert.equal(response.status, 404);
  assert.deepEqual(await response.json(), {
    code: "entity_not_found",
    message: "User not found: 'user_nobody'.",
    entity_id: "user_nobody",
  });
  for (
    const path of [
      "/organizations/org_0",
      "/connections/conn_0",
      "/user_management/users/user_nobody/sessions",
    ]
  ) {
    assert.equal((await call(emulator, path)).status, 404, path);
  }
});

Deno.test("users are listed, all, by e-mail and by organization", async () => {
  const { emulator } = startEmulator();
  const path = "/user_management/users";
  assert.deepEqual(await listIds(emulator, path), [
    "user_erin",
    "user_dave",
    "user_carol",
    "user_bob",
    "user_alice",
  ]);
  assert.deepEqual(await listIds(emulator, `${path}?email=BOB@acme.test`), ["user_bob"]);
  assert.deepEqual(await listIds(emulator, `${path}?email=nobody@acme.test`), []);
  assert.deepEqual(await listIds(emulator, `${path}?organization_id=org_globex`), ["user_carol"]);
});

Deno.test("lists come in pages, forwards and backwards", async () => {
  const { emulator } = startEmulator();
  const page = async (query: string) => {
    const { object, data, list_metadata } =
      await (await call(emulator, `/user_management/users?${query}`)).json();
    assert.equal(object, "list");
    return {
      ids: data.map(({ id }: { id: string }) => id.replace("user_", "")).join(" "),
      ...list_metadata,
    };
  };
  assert.deepEqual(await page("limit=2&order=asc"), {
    ids: "alice bob",
    before: null,
    after: "user_bob",
  });
  assert.deepEqual(await page("limit=2&order=asc&after=user_bob"), {
    ids: "carol dave",
    before: "user_carol",
    after: "user_dave",
  });
  assert.deepEqual(await page("limit=2&order=asc&after=user_dave"), {
    ids: "erin",
    before: "user_erin",
    after: null,
  });
  assert.deepEqual(await page("limit=2&order=asc&before=user_dave"), {
    ids: "bob carol",
    before: "user_bob",
    after: "user_carol",
  });
  assert.deepEqual(await page("limit=2&order=asc&before=user_bob"), {
    ids: "alice",
    before: null,
    after: "user_alice",
  });
  assert.deepEqual(await page("order=desc"), {
    ids: "erin dave carol bob alice",
    before: null,
    after: null,
  });
});

Deno.test("a page nobody can have is refused", async () => {
  const { emulator } = startEmulator();
  for (const query of ["limit=0", "limit=101", "limit=x", "after=user_nobody", "before=x"]) {
    const response = await call(emulator, `/user_management/users?${query}`);
    assert.equal(response.status, 422, query);
  }
});

Deno.test("memberships are listed by user and by organization, active ones unless asked", async () => {
  const { emulator } = startEmulator();
  const path = "/user_management/organization_memberships";
  emulator.directory.deactivateMembership("user_carol", "org_acme");
  assert.deepEqual(await listIds(emulator, `${path}?organization_id=org_acme`), [
    "om_erin_acme",
    "om_bob_acme",
    "om_alice_acme",
  ]);
  assert.deepEqual(await listIds(emulator, `${path}?user_id=user_carol`), ["om_carol_globex"]);
  assert.deepEqual(
    await listIds(emulator, `${path}?user_id=user_carol&statuses=active,inactive`),
    ["om_carol_globex", "om_carol_acme"],
  );
  const { data } = await (
    await call(emulator, `${path}?user_id=user_alice&organization_id=org_acme`)
  ).json();
  assert.partialDeepStrictEqual(data[0], {
    object: "organization_membership",
    user_id: "user_alice",
    organization_id: "org_acme",
    organization_name: "Acme",
    status: "active",
    role: { slug: "admin" },
    roles: [{ slug: "admin" }],
    user: { email: "alice@acme.test" },
  });
});

Deno.test("memberships of nobody in particular are not listed", async () => {
  const { emulator } = startEmulator();
  const response = await call(emulator, "/user_management/organization_memberships");
  assert.equal(response.status, 400);
  assert.equal((await response.json()).code, "missing_user_id_or_organization_id");
});

Deno.test("a session is listed with its status, and revoked once and for all", async () => {
  const { emulator, advance } = startEmulator();
  const { refresh_token } = await signIn(emulator, "alice@acme.test", {
    connection_id: "conn_acme",
  });
  const list = async () =>
    (await (await call(emulator, "/user_management/users/user_alice/sessions")).json()).data[0];
  const session = await list();
  assert.partialDeepStrictEqual(session, {
    object: "session",
    user_id: "user_alice",
    organization_id: "org_acme",
    auth_method: "sso",
    status: "active",
    created_at: "2026-01-01T00:00:00.000Z",
    expires_at: "2026-01-31T00:00:00.000Z",
    ended_at: null,
  });
  assert.equal("refresh_token" in session || "refreshToken" in session, false);
  const revoke = () =>
    call(emulator, "/user_management/sessions/revoke", { session_id: session.id });
  assert.equal((await revoke()).status, 200);
  advance(1000);
  assert.equal((await revoke()).status, 200);
  assert.partialDeepStrictEqual(await list(), {
    status: "revoked",
    ended_at: "2026-01-01T00:00:00.000Z",
  });
  assert.equal((await refresh(emulator, refresh_token)).status, 400);
});

Deno.test("a session nobody knows cannot be revoked", async () => {
  const { emulator } = startEmulator();
  const path = "/user_management/sessions/revoke";
  assert.equal((await call(emulator, path, { session_id: "session_0" })).status, 400);
  assert.equal((await call(emulator, path, {})).status, 422);
});

Deno.test("a session keeps where it came from", async () => {
  const { emulator } = startEmulator();
  emulator.directory.setImpersonator("user_bob", { email: "admin@acme.test", reason: null });
  await signIn(emulator, "bob@acme.test", { provider: "GoogleOAuth" });
  const { data } = await (await call(emulator, "/user_management/users/user_bob/sessions")).json();
  assert.partialDeepStrictEqual(data[0], {
    auth_method: "impersonation",
    impersonator: { email: "admin@acme.test" },
    ip_address: null,
    user_agent: null,
  });
});

Deno.test("expired sessions are forgotten", async () => {
  const { emulator, advance } = startEmulator();
  await signIn(emulator, "alice@acme.test");
  advance(30 * 24 * 60 * 60 * 1000);
  assert.deepEqual(await listIds(emulator, "/user_management/users/user_alice/sessions"), []);
});

Deno.test("operations on the directory refuse ids that do not exist", () => {
  const { directory } = startEmulator().emulator;
  const operations = [
    () => directory.setRole("user_dave", "org_acme", "admin"),
    () => directory.deactivateMembership("user_nobody", "org_acme"),
    () => directory.removeMembership("user_alice", "org_globex"),
    () => directory.addMembership("user_nobody", "org_acme", "member"),
    () => directory.addMembership("user_alice", "org_nowhere", "member"),
    () => directory.deleteUser("user_nobody"),
    () => directory.revokeSession("session_0"),
    () => directory.setImpersonator("user_nobody", { email: "a@b.test", reason: null }),
  ];
  for (const operation of operations) assert.throws(operation, { code: "entity_not_found" });
});
