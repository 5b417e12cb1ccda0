/** What WorkOS asks for beside a sign-in: the person is led through it, once, or told what to do. */

import assert from "node:assert/strict";
import type { ScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { createWorld, EMULATOR, SERVER, type World } from "../support/world.ts";
import { errorOf, refresh } from "./support.ts";

const CONNECTION = { WORKOS_CONNECTION_ID: "conn_acme" };

/** Every code that AuthKit's own pages lead through. */
const PAGES = [
  "authentication_method_not_allowed",
  "email_password_auth_disabled",
  "email_verification_required",
  "mfa_challenge",
  "mfa_enrollment",
  "organization_authentication_methods_required",
  "passkey_progressive_enrollment",
  "radar_challenge",
  "radar_sign_up_challenge",
];

async function prepare(env: Record<string, string> = {}, loginHint?: string) {
  const world = await createWorld({ env });
  const { client_id } = await register(world);
  const url = authorizationUrl({
    client_id,
    code_challenge: createPkce().challenge,
    login_hint: loginHint,
  });
  return { world, url };
}

/** Answers the code exchanges one after the other; what is undefined, WorkOS itself answers. */
function answerExchanges(world: World, ...answers: (object | undefined)[]): void {
  world.faults.workos = (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    const answer = answers.shift();
    return answer && Response.json(answer, { status: 403 });
  };
}

/** Goes as far as the callback and returns what the answer to it is, without following it. */
async function answerOfCallback(
  world: World,
  browser: ScriptedBrowser,
  url: string,
  email: string,
) {
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  const back = await world.fetch(login.url, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ email }).toString(),
  });
  const cookie = [...browser.cookies.get("localhost") ?? []].map((pair) => pair.join("=")).join(
    "; ",
  );
  const callback = back.headers.get("location") ?? "";
  const response = await world.fetch(callback, { redirect: "manual", headers: { cookie } });
  return { first: new URL(login.url), response };
}

for (const code of PAGES) {
  Deno.test(`${code} leads through AuthKit's own pages where they were not the way in`, async () => {
    const { world, url } = await prepare(CONNECTION);
    const { policies } = world.emulator.directory;
    policies.requireSso("org_acme", "conn_acme");
    policies.requireStepUp("user_alice", code);
    const browser = world.browser();
    const page = await approve(browser, url, "alice@acme.test");
    const { origin, searchParams } = new URL(page.url);
    assert.equal(origin, EMULATOR);
    assert.equal(searchParams.get("provider"), "authkit");
    assert.equal(searchParams.get("organization_id"), "org_acme");
    assert.equal(searchParams.get("connection_id"), null);
    const end = await browser.submit(page, { email: "alice@acme.test" });
    assert.match(end.url, /code=.*state=client-state/);
  });
}

Deno.test("a second leg has a state, a challenge and a cookie of its own, and the first ones are over", async () => {
  const { world, url } = await prepare(CONNECTION);
  world.emulator.directory.policies.requireStepUp("user_alice", "mfa_challenge");
  const { first, response } = await answerOfCallback(
    world,
    world.browser(),
    url,
    "alice@acme.test",
  );
  assert.equal(response.status, 303);
  const second = new URL(response.headers.get("location") ?? "");
  for (const name of ["state", "code_challenge"]) {
    assert.match(second.searchParams.get(name) ?? "", /^[\w-]{43}$/);
    assert.notEqual(second.searchParams.get(name), first.searchParams.get(name));
  }
  const cookies = response.headers.getSetCookie();
  assert.equal(cookies.filter((line) => /^sign-in-.*Max-Age=600/.test(line)).length, 1);
  assert.equal(cookies.filter((line) => /^sign-in-.*Max-Age=0/.test(line)).length, 1);
});

Deno.test("a person is led on once: WorkOS that asks again is answered for the client", async () => {
  const { world, url } = await prepare(CONNECTION);
  const ask = { code: "mfa_challenge", message: "Enter it.", pending_authentication_token: "p" };
  answerExchanges(world, ask, ask, ask);
  const browser = world.browser();
  const page = await approve(browser, url, "alice@acme.test");
  const end = new URL((await browser.submit(page, { email: "alice@acme.test" })).url);
  assert.equal(end.searchParams.get("error"), "access_denied");
  assert.match(end.searchParams.get("error_description") ?? "", /second factor/);
  assert.equal(end.searchParams.get("state"), "client-state");
  const line = world.logs.find((line) => line.includes("sign_in_failed")) ?? "";
  assert.equal(JSON.parse(line).properties.reason, "mfa_challenge");
});

Deno.test("what comes back from a second leg is checked as ever", async () => {
  const { world, url } = await prepare(CONNECTION);
  world.emulator.directory.policies.requireStepUp("user_alice", "mfa_challenge");
  const browser = world.browser();
  const page = await approve(browser, url, "alice@acme.test");
  // AuthKit lets Bob in with a password, which is not the configured connection.
  const end = new URL((await browser.submit(page, { email: "bob@acme.test" })).url);
  assert.equal(end.searchParams.get("error"), "access_denied");
  assert.match(end.searchParams.get("error_description") ?? "", /single sign-on/);
  const [session] = world.emulator.directory.sessions.listByUser("user_bob");
  assert.equal(session?.status, "revoked");
});

Deno.test("where AuthKit's pages were the way in, nobody is sent round in circles", async () => {
  for (const code of PAGES) {
    const { world, url } = await prepare();
    answerExchanges(world, { code, message: "More.", pending_authentication_token: "pending" });
    const end = new URL((await approve(world.browser(), url)).url);
    assert.equal(end.searchParams.get("error"), "access_denied", code);
    assert.match(end.searchParams.get("error_description") ?? "", /[Ss]ign in again/, code);
  }
});

Deno.test("single sign-on goes on at the organization's only connection, and is checked", async () => {
  const { world, url } = await prepare({}, "carol@globex.test");
  const { directory } = world.emulator;
  const globex = { organizationId: "org_globex", name: "Globex SSO", userIds: ["user_carol"] };
  directory.addConnection({ id: "conn_globex", ...globex });
  directory.policies.requireSso("org_globex", "conn_globex");
  const browser = world.browser();
  const picker = await browser.submit(await browser.visit(url), { decision: "approve" });
  const end = await browser.submit(picker, { organization_id: "org_globex" });
  assert.match(end.url, /code=/);
  const [session] = directory.sessions.listByUser("user_carol");
  assert.equal(session?.auth_method, "sso");
  assert.equal(session?.organization_id, "org_globex");
});

Deno.test("with several connections AuthKit's pages choose for the organization that is known", async () => {
  const { world, url } = await prepare({}, "carol@globex.test");
  const { directory } = world.emulator;
  for (const id of ["conn_one", "conn_two"]) {
    directory.addConnection({
      id,
      organizationId: "org_globex",
      name: id,
      userIds: ["user_carol"],
    });
  }
  directory.policies.requireSso("org_globex", "conn_one", "conn_two");
  const browser = world.browser();
  const picker = await browser.submit(await browser.visit(url), { decision: "approve" });
  const end = await browser.submit(picker, { organization_id: "org_globex" });
  assert.match(end.url, /code=/);
  assert.equal(directory.sessions.listByUser("user_carol")[0]?.organization_id, "org_globex");
});

Deno.test("a configured connection is not left for another one that WorkOS names", async () => {
  const { world, url } = await prepare(CONNECTION);
  answerExchanges(world, { error: "sso_required", connection_ids: ["conn_other"] });
  const end = new URL((await approve(world.browser(), url)).url);
  assert.equal(end.searchParams.get("error"), "access_denied");
});

Deno.test("each step that a renewal asks for ends the grant, says why in the log, and a new sign-in leads through it", async () => {
  for (const code of [...PAGES, "organization_selection_required", "sso_required"]) {
    const world = await createWorld();
    const { clientId, tokens } = await signIn(world);
    const { policies } = world.emulator.directory;
    if (code === "sso_required") policies.requireSso("org_acme", "conn_acme");
    else policies.requireStepUp("user_alice", code);
    world.advance(6 * 60_000);
    const refused = await callTool(world, tokens.access_token, "whoami");
    assert.equal(refused.status, 401, code);
    assert.match(refused.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
    const renewal = await refresh(world, clientId, tokens.refresh_token);
    assert.equal(await errorOf(renewal), "400 invalid_grant");
    const line = world.logs.find((line) => line.includes("grant_ended")) ?? "";
    assert.equal(JSON.parse(line).properties.reason, code);

    const browser = world.browser();
    const url = authorizationUrl({
      client_id: clientId,
      code_challenge: createPkce().challenge,
    });
    const page = await approve(browser, url);
    // The organization's connection asks who it is once more; AuthKit's pages do all the rest.
    const end = code === "sso_required"
      ? await browser.submit(page, { email: "alice@acme.test" })
      : page;
    assert.match(end.url, /code=/, code);
  }
});

Deno.test("a renewal that a client asks for is refused in the same way", async () => {
  const world = await createWorld();
  const { clientId, tokens } = await signIn(world);
  world.emulator.directory.policies.requireStepUp("user_alice", "mfa_enrollment");
  world.advance(6 * 60_000);
  const renewal = await refresh(world, clientId, tokens.refresh_token);
  assert.equal(await errorOf(renewal), "400 invalid_grant");
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401);
});

Deno.test("WorkOS that says only that single sign-on is a must is understood", async () => {
  const { world, url } = await prepare({ WORKOS_ORGANIZATION_ID: "org_acme" });
  answerExchanges(world, { message: "Must use SSO for selected organization" });
  const end = new URL((await approve(world.browser(), url)).url);
  assert.equal(end.searchParams.get("error"), "access_denied");
  assert.match(end.searchParams.get("error_description") ?? "", /single sign-on/);
  assert.ok(end.href.startsWith("http://127.0.0.1") && !end.href.startsWith(SERVER));
});
