/** The choice of an organization where WorkOS leaves it to this server. */

import assert from "node:assert/strict";
import { type Page, readForm, type ScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import {
  authorizationUrl,
  callTool,
  createPkce,
  post,
  REDIRECT_URI,
  register,
} from "../support/oauth_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";

const SELECTION = "urn:workos:oauth:grant-type:organization-selection";

/** A world whose WorkOS does not ask Carol for the organization, and notes what it is asked. */
async function prepare(env: Record<string, string> = {}) {
  const database = openSqlite(":memory:");
  const world = await createWorld({ env, store: await createSqlStore(database) });
  const selections: string[] = [];
  world.faults.workos = async (request) => {
    const body = request.url.endsWith("/authenticate") ? await request.json() : {};
    if (body.grant_type === SELECTION) selections.push(body.organization_id);
    return undefined;
  };
  const { client_id: clientId } = await register(world);
  const { verifier, challenge } = createPkce();
  const url = authorizationUrl({
    client_id: clientId,
    code_challenge: challenge,
    login_hint: "carol@globex.test",
  });
  const redeem = async (end: Page) => {
    const response = await post(world, "/token", {
      grant_type: "authorization_code",
      client_id: clientId,
      code: new URL(end.url).searchParams.get("code") ?? "",
      code_verifier: verifier,
      redirect_uri: REDIRECT_URI,
    });
    return (await response.json()).access_token;
  };
  return { world, url, selections, redeem, database };
}

async function reachPicker(browser: ScriptedBrowser, url: string): Promise<Page> {
  return await browser.submit(await browser.visit(url), { decision: "approve" });
}

/** Sends the page's form with other headers or another body. */
async function sendForm(
  world: World,
  page: Page,
  fields: Record<string, string>,
  headers: Record<string, string>,
): Promise<Response> {
  const form = readForm(page);
  return await world.fetch(form.action, {
    method: "POST",
    redirect: "manual",
    headers: {
      accept: "text/html",
      "content-type": "application/x-www-form-urlencoded",
      ...headers,
    },
    body: new URLSearchParams({ ...form.fields, ...fields }).toString(),
  });
}

const cookieOf = (browser: ScriptedBrowser) =>
  [...browser.cookies.get("localhost") ?? []].map((pair) => pair.join("=")).join("; ");

Deno.test("a person of several organizations chooses one, and the client acts for it", async () => {
  const { world, url, redeem, selections } = await prepare();
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  assert.equal(page.status, 200);
  assert.equal(new URL(page.url).pathname, "/auth/organization");
  assert.match(page.text, /Choose an organization/);
  assert.equal([...page.text.matchAll(/<form\b/g)].length, 1);
  const offered = [...page.text.matchAll(/name="organization_id" value="(\w+)">\s*(\w+)/g)];
  assert.deepEqual(offered.map(([, id, name]) => [id, name]), [
    ["org_acme", "Acme"],
    ["org_globex", "Globex"],
  ]);
  const end = await browser.submit(page, { organization_id: "org_globex" });
  const { searchParams } = new URL(end.url);
  assert.equal(searchParams.get("state"), "client-state");
  assert.deepEqual(searchParams.getAll("iss"), [SERVER]);
  assert.deepEqual(selections, ["org_globex"]);
  const answer = await (await callTool(world, await redeem(end), "whoami")).json();
  assert.equal(answer.result.structuredContent.organization_id, "org_globex");
  assert.ok(!cookieOf(browser).includes("organization-"), "its cookie is ended");
});

Deno.test("the page holds nothing of WorkOS's, and the store nothing readable", async () => {
  const { world, url, database } = await prepare();
  const browser = world.browser();
  let pendingToken = "";
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    const response = await world.emulator.fetch(request);
    const body = await response.json();
    pendingToken = body.pending_authentication_token;
    return Response.json(body, response);
  };
  const page = await reachPicker(browser, url);
  assert.match(pendingToken, /^\w{32}$/);
  const rows = JSON.stringify(await database.run("SELECT * FROM sign_ins", []));
  for (const text of [page.text, page.url, cookieOf(browser), rows]) {
    assert.ok(!text.includes(pendingToken));
  }
  assert.ok(!rows.includes("Globex"));
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  assert.equal(page.headers.get("cache-control"), "no-store");
});

Deno.test("every rendering can be submitted, and looking uses nothing up", async () => {
  for (const chosen of [0, 1, 2]) {
    const { world, url } = await prepare();
    const browser = world.browser();
    const first = await reachPicker(browser, url);
    const pages = [first, await browser.visit(first.url), await browser.visit(first.url)];
    const head = await world.fetch(first.url, {
      method: "HEAD",
      headers: { cookie: cookieOf(browser) },
    });
    assert.equal(head.status, 200);
    const end = await browser.submit(pages[chosen] ?? first, { organization_id: "org_acme" });
    assert.match(end.url, /code=/);
  }
});

Deno.test("two tabs choose out of turn without disturbing each other", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const [first, second] = [await reachPicker(browser, url), await reachPicker(browser, url)];
  for (const page of [second, first]) {
    assert.match((await browser.submit(page, { organization_id: "org_acme" })).url, /code=/);
  }
});

Deno.test("of a doubled choice one makes a code, and the back button leads to a page that says so", async () => {
  const { world, url, selections } = await prepare();
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  const headers = { cookie: cookieOf(browser), origin: SERVER };
  const answers = await Promise.all(
    ["org_acme", "org_globex", "org_acme"].map((organization_id) =>
      sendForm(world, page, { organization_id }, headers)
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 400, 400]);
  assert.equal(selections.length, 1);
  const replay = await sendForm(world, page, { organization_id: "org_acme" }, headers);
  assert.equal(replay.status, 400);
  assert.match(await replay.text(), /This sign-in is over/);
  const back = await world.fetch(page.url, { headers: { ...headers, accept: "text/html" } });
  assert.match(await back.text(), /This sign-in is over/);
});

Deno.test("another site, another browser and a made-up state choose nothing", async () => {
  const { world, url, selections } = await prepare();
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  const other = world.browser();
  await reachPicker(other, url);
  const cookie = cookieOf(browser);
  const choice = { organization_id: "org_globex" };
  const attempts: [Record<string, string>, Record<string, string>, RegExp][] = [
    [choice, { cookie, origin: "https://evil.example" }, /came from another site/],
    [choice, { cookie, origin: "null" }, /came from another site/],
    [choice, { cookie, "sec-fetch-site": "cross-site" }, /came from another site/],
    [choice, { cookie: cookieOf(other), origin: SERVER }, /another browser/],
    [choice, { origin: SERVER }, /another browser/],
    [{ ...choice, state: "x".repeat(43) }, { cookie, origin: SERVER }, /another browser/],
    // The cookie of this stage is worth nothing under the name of the other one.
    [choice, { cookie: cookie.replace("organization-", "sign-in-") }, /another browser/],
  ];
  for (const [fields, headers, message] of attempts) {
    const response = await sendForm(world, page, fields, headers);
    assert.equal(response.status, 403, String(message));
    assert.match(await response.text(), message);
  }
  const stranger = await other.visit(page.url);
  assert.equal(stranger.status, 403);
  assert.doesNotMatch(stranger.text, /Globex/);
  assert.deepEqual(selections, []);
  assert.match((await browser.submit(page, choice)).url, /code=/);
});

Deno.test("an organization that was not offered is refused before WorkOS is asked", async () => {
  const { world, url, selections } = await prepare();
  world.emulator.directory.addOrganization("org_other", "Other");
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  for (const organization_id of ["org_other", "", "org_acme,org_globex"]) {
    const refused = await browser.submit(page, { organization_id });
    assert.equal(refused.status, 400);
  }
  assert.deepEqual(selections, []);
  assert.match((await browser.submit(page, { organization_id: "org_acme" })).url, /code=/);
});

Deno.test("a choice that took more than ten minutes is over", async () => {
  const { world, url, selections } = await prepare();
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  world.advance(10 * 60_000);
  assert.equal((await browser.visit(page.url)).status, 400);
  assert.equal((await browser.submit(page, { organization_id: "org_acme" })).status, 400);
  assert.deepEqual(selections, []);
});

Deno.test("the state of a choice is none for the callback, nor the other way round", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  const state = new URL(page.url).searchParams.get("state");
  const callback = await browser.visit(`${SERVER}/auth/callback?code=x&state=${state}`);
  assert.equal(callback.status, 403);

  const other = world.browser();
  const login = await other.submit(await other.visit(url.replace(/&login_hint=[^&]*/, "")), {
    decision: "approve",
  });
  const signInState = new URL(login.url).searchParams.get("state");
  const picker = await other.visit(`${SERVER}/auth/organization?state=${signInState}`);
  assert.equal(picker.status, 403);
});

Deno.test("a configured organization is chosen without asking, if it is offered", async () => {
  const env = { WORKOS_ORGANIZATION_ID: "org_globex" };
  const { world, url, selections, redeem } = await prepare(env);
  // As if WorkOS had not taken the organization from the authorization URL.
  const takeAway = async (browser: ScriptedBrowser) => {
    const login = await browser.submit(await browser.visit(url.replace(/&login_hint=[^&]*/, "")), {
      decision: "approve",
    });
    const changed = new URL(login.url);
    changed.searchParams.delete("organization_id");
    changed.searchParams.set("login_hint", "carol@globex.test");
    return await browser.visit(changed.href);
  };
  const end = await takeAway(world.browser());
  assert.deepEqual(selections, ["org_globex"]);
  const answer = await (await callTool(world, await redeem(end), "whoami")).json();
  assert.equal(answer.result.structuredContent.organization_id, "org_globex");

  const { directory } = world.emulator;
  directory.removeMembership("user_carol", "org_globex");
  directory.addOrganization("org_other", "Other");
  directory.addMembership("user_carol", "org_other", "member");
  const refused = new URL((await takeAway(world.browser())).url);
  assert.equal(refused.searchParams.get("error"), "access_denied");
  assert.equal(selections.length, 1);
});

Deno.test("WorkOS that answers for another organization than was chosen is not believed", async () => {
  const { world, url } = await prepare();
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    const body = await request.json();
    if (body.grant_type !== SELECTION) return undefined;
    const changed = JSON.stringify({ ...body, organization_id: "org_acme" });
    const { url, method, headers } = request;
    return await world.emulator.fetch(new Request(url, { method, headers, body: changed }));
  };
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  const end = await browser.submit(page, { organization_id: "org_globex" });
  assert.equal(new URL(end.url).searchParams.get("error"), "access_denied");
  const [session] = world.emulator.directory.sessions.listByUser("user_carol");
  assert.equal(session?.status, "revoked");
});

Deno.test("WorkOS that is away during the choice goes back to the client as such", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const page = await reachPicker(browser, url);
  world.faults.workos = () => new Response("bad gateway", { status: 502 });
  const end = await browser.submit(page, { organization_id: "org_globex" });
  assert.equal(new URL(end.url).searchParams.get("error"), "temporarily_unavailable");
});

Deno.test("a name cannot break out of the page", async () => {
  const { world, url } = await prepare();
  const { directory } = world.emulator;
  directory.addOrganization("org_evil", `</button><script>alert(1)</script>`);
  directory.addMembership("user_carol", "org_evil", "member");
  const page = await reachPicker(world.browser(), url);
  assert.doesNotMatch(page.text, /<script/);
  assert.match(page.text, /&lt;script&gt;/);
});
