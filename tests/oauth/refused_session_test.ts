/** A session that WorkOS opened and that nobody here will use is ended there. */

import assert from "node:assert/strict";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { createWorld, type World } from "../support/world.ts";

const REVOKE = "POST /user_management/sessions/revoke";

async function prepare(env: Record<string, string> = {}) {
  const world = await createWorld({ env });
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  return { world, url };
}

/** Goes to WorkOS with a changed URL, as anybody can, and signs in there. */
async function signInOtherwise(
  world: World,
  url: string,
  email: string,
  change: (parameters: URLSearchParams) => void,
): Promise<URLSearchParams> {
  const browser = world.browser();
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  const changed = new URL(login.url);
  change(changed.searchParams);
  const end = await browser.submit(await browser.visit(changed.href), { email });
  return new URL(end.url).searchParams;
}

function statuses(world: World, userId: string): string[] {
  return world.emulator.directory.sessions.listByUser(userId).map(({ status }) => status);
}

Deno.test("who signed in for another organization has no session at WorkOS afterwards", async () => {
  const { world, url } = await prepare({ WORKOS_ORGANIZATION_ID: "org_globex" });
  const answer = await signInOtherwise(world, url, "alice@acme.test", (parameters) => {
    parameters.set("organization_id", "org_acme");
  });
  assert.equal(answer.get("error"), "access_denied");
  assert.deepEqual(statuses(world, "user_alice"), ["revoked"]);
});

Deno.test("who came around the configured connection has no session at WorkOS afterwards", async () => {
  const { world, url } = await prepare({ WORKOS_CONNECTION_ID: "conn_acme" });
  const answer = await signInOtherwise(world, url, "bob@acme.test", (parameters) => {
    parameters.delete("connection_id");
    parameters.set("provider", "authkit");
  });
  assert.equal(answer.get("error"), "access_denied");
  assert.deepEqual(statuses(world, "user_bob"), ["revoked"]);
});

Deno.test("a session that cannot be ended is logged, and the refusal reaches the client", async () => {
  const { world, url } = await prepare({ WORKOS_ORGANIZATION_ID: "org_globex" });
  world.faults.workos = (request) =>
    request.url.endsWith("/sessions/revoke") ? new Response(null, { status: 500 }) : undefined;
  const answer = await signInOtherwise(world, url, "alice@acme.test", (parameters) => {
    parameters.set("organization_id", "org_acme");
  });
  assert.equal(answer.get("error"), "access_denied");
  assert.ok(world.logs.some((line) => line.includes("session_not_revoked")));
});

Deno.test("a sign-in that WorkOS itself refused leaves nothing to end", async () => {
  const { world, url } = await prepare();
  world.faults.workos = (request) =>
    request.url.endsWith("/authenticate")
      ? Response.json({ error: "sso_required" }, { status: 400 })
      : undefined;
  const end = await approve(world.browser(), url);
  assert.equal(new URL(end.url).searchParams.get("error"), "access_denied");
  assert.ok(!world.upstreamCalls.includes(REVOKE));
});

Deno.test("a grant that cannot be stored leaves no session at WorkOS behind", async () => {
  const { world, url } = await prepare();
  world.store.insertGrant = () => Promise.reject(new Error("no such table"));
  const end = await approve(world.browser(), url);
  assert.equal(new URL(end.url).searchParams.get("error"), "server_error");
  assert.deepEqual(statuses(world, "user_alice"), ["revoked"]);
});

Deno.test("a grant that ends because its person may no longer come this way takes the session along", async () => {
  const store = await createSqlStore(openSqlite(":memory:"));
  const before = await createWorld({ store });
  const { tokens } = await signIn(before, { email: "alice@acme.test" });
  const after = await createWorld({
    store,
    env: { WORKOS_ORGANIZATION_ID: "org_globex" },
    emulator: before.emulator,
  });
  before.advance(6 * 60_000);
  after.advance(6 * 60_000);
  assert.equal((await callTool(after, tokens.access_token, "whoami")).status, 401);
  assert.deepEqual(statuses(before, "user_alice"), ["revoked"]);
});
