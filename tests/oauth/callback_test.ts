import assert from "node:assert/strict";
import type { ScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { hashToken } from "../../lib/oauth/tokens.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { createWorld, EMULATOR, SERVER, type World } from "../support/world.ts";

async function prepare(env: Record<string, string> = {}) {
  const world = await createWorld({ env });
  const { client_id } = await register(world);
  const { challenge } = createPkce();
  return { world, url: authorizationUrl({ client_id, code_challenge: challenge }) };
}

/** Goes as far as WorkOS and returns the callback URL without visiting it. */
async function reachCallback(
  world: World,
  browser: ScriptedBrowser,
  url: string,
): Promise<string> {
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  const response = await world.fetch(login.url, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "email=alice%40acme.test",
  });
  return response.headers.get("location") ?? "";
}

Deno.test("a callback without our state never reaches WorkOS (CD-14)", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const callback = new URL(await reachCallback(world, browser, url));
  world.upstreamCalls.length = 0;
  const attempts: [string, number, RegExp][] = [
    [`${SERVER}/auth/callback?code=x`, 400, /No app is waiting/],
    [`${SERVER}/auth/callback?code=x&state=unknown`, 403, /another browser/],
    [`${callback.href.slice(0, -1)}`, 403, /another browser/],
  ];
  for (const [attempt, status, heading] of attempts) {
    const page = await browser.visit(attempt);
    assert.equal(page.status, status, attempt);
    assert.match(page.text, heading);
  }
  assert.deepEqual(world.upstreamCalls, []);
});

// GHSA-rww4-4w9c-7733: the attacker approves, and the victim only follows the link to WorkOS.
Deno.test("a callback in another browser is refused and leaves the sign-in alone (CVE-2026-27124)", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const callback = await reachCallback(world, browser, url);
  const stranger = await world.browser().visit(callback);
  assert.equal(stranger.status, 403);
  assert.deepEqual(world.upstreamCalls, []);
  assert.match((await browser.visit(callback)).url, /code=/);
});

Deno.test("a doubled callback makes one code (CD-15)", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const callback = await reachCallback(world, browser, url);
  const copy = new Map(browser.cookies.get("localhost"));
  assert.match((await browser.visit(callback)).url, /code=/);
  browser.cookies.set("localhost", copy);
  const again = await browser.visit(callback);
  assert.equal(again.status, 400);
  assert.match(again.text, /This sign-in is over/);
  const exchanges = world.upstreamCalls.filter((call) => call.endsWith("/authenticate"));
  assert.equal(exchanges.length, 1);
});

Deno.test("a sign-in that took more than ten minutes is over (CD-15)", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const callback = await reachCallback(world, browser, url);
  world.advance(11 * 60_000);
  assert.equal((await browser.visit(callback)).status, 400);
  assert.deepEqual(world.upstreamCalls, []);
});

// fastmcp 7f2d034f4: the error stayed on a page here, and the client waited until it gave up.
Deno.test("cancelling at WorkOS goes back to the client as access_denied", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const callback = new URL(await reachCallback(world, browser, url));
  callback.searchParams.delete("code");
  callback.searchParams.set("error", "access_denied");
  callback.searchParams.set("error_description", "<script>alert(1)</script>");
  const { searchParams } = new URL((await browser.visit(callback.href)).url);
  assert.equal(searchParams.get("error"), "access_denied");
  assert.equal(searchParams.get("state"), "client-state");
  assert.deepEqual(searchParams.getAll("iss"), [SERVER]);
  assert.ok(!searchParams.get("error_description")?.includes("script"));
});

Deno.test("WorkOS that fails goes back to the client as temporarily_unavailable", async () => {
  for (
    const fault of [
      () => new Response("<html>bad gateway</html>", { status: 502 }),
      () => new Response("<html>fine</html>", { headers: { "content-type": "text/html" } }),
      () => Response.json({ message: "slow down" }, { status: 429 }),
      () => {
        throw new TypeError("connection refused");
      },
    ]
  ) {
    const { world, url } = await prepare();
    const browser = world.browser();
    const callback = await reachCallback(world, browser, url);
    world.faults.workos = (request) => request.url.endsWith("/authenticate") ? fault() : undefined;
    const { searchParams } = new URL((await browser.visit(callback)).url);
    assert.equal(searchParams.get("error"), "temporarily_unavailable");
  }
});

Deno.test("a wrong API key is a server error for the client and a plain sentence in the log", async () => {
  const { world, url } = await prepare({ WORKOS_API_KEY: "sk_wrong" });
  const end = await approve(world.browser(), url);
  assert.equal(new URL(end.url).searchParams.get("error"), "server_error");
  assert.ok(world.logs.some((line) => /WORKOS_CLIENT_ID and WORKOS_API_KEY belong to/.test(line)));
});

Deno.test("of two API keys the one that WorkOS accepts is used", async () => {
  const { world, url } = await prepare({ WORKOS_API_KEY: "sk_revoked,sk_test_emulator" });
  assert.match((await approve(world.browser(), url)).url, /code=/);
});

Deno.test("with a configured organization only its members get in, checked afterwards", async () => {
  const { world, url } = await prepare({ WORKOS_ORGANIZATION_ID: "org_globex" });
  assert.match((await approve(world.browser(), url, "carol@globex.test")).url, /code=/);
  const refused = await approve(world.browser(), url, "alice@acme.test");
  assert.equal(new URL(refused.url).searchParams.get("error"), "access_denied");

  // The URL to WorkOS goes through the browser, where the organization can be changed.
  const browser = world.browser();
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  const changed = new URL(login.url);
  changed.searchParams.set("organization_id", "org_acme");
  const page = await browser.visit(changed.href);
  const end = await browser.submit(page, { email: "alice@acme.test" });
  assert.equal(new URL(end.url).searchParams.get("error"), "access_denied");
  assert.match(new URL(end.url).searchParams.get("error_description") ?? "", /one organization/);
});

Deno.test("with a configured connection only single sign-on gets in, checked afterwards", async () => {
  const { world, url } = await prepare({ WORKOS_CONNECTION_ID: "conn_acme" });
  assert.match((await approve(world.browser(), url, "alice@acme.test")).url, /code=/);

  const browser = world.browser();
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  const changed = new URL(login.url);
  assert.equal(changed.origin, EMULATOR);
  changed.searchParams.delete("connection_id");
  changed.searchParams.set("provider", "authkit");
  const page = await browser.visit(changed.href);
  const end = await browser.submit(page, { email: "bob@acme.test" });
  assert.equal(new URL(end.url).searchParams.get("error"), "access_denied");
});

Deno.test("an unverified e-mail address is no evidence for the email scope", async () => {
  const { world, url } = await prepare();
  const end = await approve(world.browser(), url, "erin@acme.test");
  const { searchParams } = new URL(end.url);
  assert.equal(searchParams.get("error"), "access_denied");
  assert.match(searchParams.get("error_description") ?? "", /not verified/);
});

Deno.test("a person without an organization and one with several get in", async () => {
  const { world, url } = await prepare();
  assert.match((await approve(world.browser(), url, "dave@solo.test")).url, /code=/);
  const browser = world.browser();
  const choice = await approve(browser, url, "carol@globex.test");
  assert.match((await browser.submit(choice, { organization_id: "org_globex" })).url, /code=/);
});

Deno.test("what a person sees as a page is JSON with the same status for a program", async () => {
  const { world } = await prepare();
  const response = await world.fetch(`${SERVER}/auth/callback?code=x`);
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error, "invalid_request");
});

Deno.test("a connection of another organization does not get in by a changed URL", async () => {
  const { world, url } = await prepare({ WORKOS_CONNECTION_ID: "conn_acme" });
  world.emulator.directory.addConnection({
    id: "conn_globex",
    organizationId: "org_globex",
    name: "Globex SSO",
    userIds: ["user_carol"],
  });
  const browser = world.browser();
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  const changed = new URL(login.url);
  changed.searchParams.set("connection_id", "conn_globex");
  const page = await browser.visit(changed.href);
  const end = await browser.submit(page, { email: "carol@globex.test" });
  const { searchParams } = new URL(end.url);
  // Carol signs in at Globex, or WorkOS asks which organization: in no case is it Acme's SSO.
  assert.equal(searchParams.get("error"), "access_denied");
});

Deno.test("members that WorkOS sends as null are as good as absent", async () => {
  const { world, url } = await prepare();
  world.faults.workos = async (request) => {
    const response = await world.emulator.fetch(request);
    if (!request.url.endsWith("/authenticate")) return response;
    return Response.json({ ...await response.json(), organization_id: null, impersonator: null });
  };
  assert.match((await approve(world.browser(), url, "dave@solo.test")).url, /code=/);
});

Deno.test("a failure of ours during the callback is told to the waiting client", async () => {
  const { world, url } = await prepare();
  world.store.insertGrant = () => Promise.reject(new Error("no such table"));
  const { searchParams } = new URL((await approve(world.browser(), url)).url);
  assert.equal(searchParams.get("error"), "server_error");
  assert.equal(searchParams.get("state"), "client-state");
  assert.ok(!searchParams.get("error_description")?.includes("table"));
});

Deno.test("a state of another alphabet is refused before anything is compared", async () => {
  const { world } = await prepare();
  const state = `\u00e9${"a".repeat(42)}`;
  const response = await world.fetch(
    `${SERVER}/auth/callback?code=x&state=${encodeURIComponent(state)}`,
    { headers: { cookie: `sign-in-${hashToken(state).slice(0, 16)}=${"b".repeat(43)}` } },
  );
  assert.equal(response.status, 403);
});

Deno.test("a connection that is configured later ends the grants of those who came otherwise", async () => {
  const store = await createSqlStore(openSqlite(":memory:"));
  const before = await createWorld({ store });
  const bob = await signIn(before, { email: "bob@acme.test" });
  const after = await createWorld({
    store,
    env: { WORKOS_CONNECTION_ID: "conn_acme" },
    emulator: before.emulator,
  });
  const alice = await signIn(after, { email: "alice@acme.test" });
  before.advance(6 * 60_000);
  after.advance(6 * 60_000);
  assert.equal((await callTool(after, bob.tokens.access_token, "whoami")).status, 401);
  assert.equal((await callTool(after, alice.tokens.access_token, "whoami")).status, 200);
});
