/** The cookies and the state that tie consent, WorkOS and the callback to one browser. */

import assert from "node:assert/strict";
import { readForm } from "../../lib/demo/scripted_browser.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { authorizationUrl, createPkce, REDIRECT_URI, register } from "../support/oauth_client.ts";
import { createWorld, EMULATOR, SERVER, type World } from "../support/world.ts";

const PUBLIC = "https://mcp.example.com";

/** Name and value of a cookie, and its attributes. */
function readCookies(response: Response): { pair: string; attributes: string }[] {
  return response.headers.getSetCookie().map((line) => {
    const [pair = "", ...attributes] = line.split("; ");
    return { pair, attributes: attributes.toSorted().join("; ") };
  });
}

Deno.test("every cookie of a public server is bound to it and out of reach of scripts (CD-9)", async () => {
  const world = await createWorld({ env: { WORKOS_BASE_URL: PUBLIC } });
  const { client_id } = await (await world.fetch(`${PUBLIC}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
  })).json();
  const { search } = new URL(authorizationUrl({
    client_id,
    code_challenge: createPkce().challenge,
    resource: undefined,
  }));
  const url = `${PUBLIC}/authorize${search}`;
  const shown = await world.fetch(url, { headers: { accept: "text/html" } });
  const [consent] = readCookies(shown);
  const { fields } = readForm({
    url,
    status: 200,
    headers: shown.headers,
    text: await shown.text(),
  });
  const decide = (value: string) =>
    world.fetch(`${PUBLIC}/consent`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        cookie: value,
        origin: PUBLIC,
      },
      body: new URLSearchParams({ ...fields, decision: "approve" }).toString(),
    });
  const cookie = consent?.pair ?? "";
  // A host beside this one can set a cookie without the prefix, so such a one does not count.
  assert.equal((await decide(cookie.replace("__Host-", ""))).status, 403);
  const decided = await decide(cookie);
  assert.equal(decided.status, 303);
  const [signIn] = readCookies(decided);
  assert.match(consent?.pair ?? "", /^__Host-consent-[\w-]+=[\w-]{43}$/);
  assert.match(signIn?.pair ?? "", /^__Host-sign-in-[\w-]+=[\w-]{43}$/);
  for (const cookie of [consent, signIn]) {
    assert.equal(cookie?.attributes, "HttpOnly; Max-Age=600; Path=/; SameSite=Lax; Secure");
  }
});

Deno.test("the cookie of one client's page approves no other client (CD-9)", async () => {
  const world = await createWorld();
  const open = async (name: string) => {
    const { client_id } = await register(world, { client_name: name });
    const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
    const response = await world.fetch(url, { headers: { accept: "text/html" } });
    const [cookie] = readCookies(response);
    const page = { url, status: 200, headers: response.headers, text: await response.text() };
    return { cookie: cookie?.pair ?? "", ...readForm(page) };
  };
  const [trusted, other] = [await open("Trusted"), await open("Other")];
  const approve = async (cookie: string) => {
    const { status, headers } = await world.fetch(other.action, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", cookie },
      body: new URLSearchParams({ ...other.fields, decision: "approve" }).toString(),
    });
    return { status, location: headers.get("location") };
  };
  assert.deepEqual(await approve(trusted.cookie), { status: 403, location: null });
  assert.equal((await approve(other.cookie)).status, 303);
});

Deno.test("the state is kept when the person approves, and the same answer leads to WorkOS (CD-3, CD-12, CD-13, CD-16)", async () => {
  const database = openSqlite(":memory:");
  const world = await createWorld({ store: await createSqlStore(database) });
  const rows = async () => await database.run("SELECT id, sealed FROM sign_ins", []);
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  const browser = world.browser();
  const page = await browser.visit(url);
  assert.deepEqual(await rows(), []);
  assert.ok(page.headers.getSetCookie().every((line) => line.startsWith("consent-")));

  const { action, fields } = readForm(page);
  const cookies = [...browser.cookies.get("localhost") ?? []].map((pair) => pair.join("="));
  const answer = await world.fetch(action, {
    method: "POST",
    redirect: "manual",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      cookie: cookies.join("; "),
      origin: SERVER,
    },
    body: new URLSearchParams({ ...fields, decision: "approve" }).toString(),
  });
  const location = new URL(answer.headers.get("location") ?? "");
  assert.equal(location.origin, EMULATOR);
  const [cookie] = readCookies(answer);
  assert.match(cookie?.pair ?? "", /^sign-in-/);
  const [row, ...others] = await rows();
  assert.deepEqual(others, []);
  const stored = JSON.stringify(row);
  const secrets = [location.searchParams.get("state"), cookie?.pair.split("=")[1], REDIRECT_URI];
  for (const secret of secrets) assert.ok(secret && !stored.includes(secret));
});

Deno.test("two tabs at once, and out of turn, do not disturb each other", async () => {
  const world = await createWorld();
  const { client_id } = await register(world);
  const browser = world.browser();
  const open = (state: string) =>
    browser.visit(
      authorizationUrl({ client_id, state, code_challenge: createPkce().challenge }),
    );
  const [first, second] = [await open("first"), await open("second")];
  const secondLogin = await browser.submit(second, { decision: "approve" });
  const firstLogin = await browser.submit(first, { decision: "approve" });
  for (const [login, state] of [[firstLogin, "first"], [secondLogin, "second"]] as const) {
    const { searchParams } = new URL(
      (await browser.submit(login, { email: "alice@acme.test" })).url,
    );
    assert.ok(searchParams.has("code"));
    assert.equal(searchParams.get("state"), state);
  }
});

Deno.test("every sign-in has a state and a challenge of its own, 256 bits each (CD-11)", async () => {
  const world = await createWorld();
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  const browser = world.browser();
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const login = await browser.submit(await browser.visit(url), { decision: "approve" });
    const { searchParams } = new URL(login.url);
    for (const name of ["state", "code_challenge"]) {
      const value = searchParams.get(name) ?? "";
      assert.match(value, /^[\w-]{43}$/);
      seen.add(value);
    }
    assert.equal(searchParams.get("code_challenge_method"), "S256");
  }
  assert.equal(seen.size, 40);
  assert.ok(!seen.has("client-state"), "the client's own state is not sent to WorkOS");
});

Deno.test("consent given to one server is worth nothing at another that shares its store", async () => {
  const one = await createWorld();
  const url = "http://localhost:9000";
  const two = await createWorld({ store: one.store, env: { WORKOS_BASE_URL: url } });
  const { client_id } = await register(one);
  const page = await one.fetch(
    authorizationUrl({ client_id, code_challenge: createPkce().challenge }),
  );
  const cookie = page.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const sealed = /name="request" value="([^"]+)"/.exec(await page.text())?.[1] ?? "";
  const decide = (world: World, origin: string) =>
    world.fetch(`${origin}/consent`, {
      method: "POST",
      headers: { cookie, origin },
      body: new URLSearchParams({ request: sealed, decision: "approve" }),
    });
  assert.equal((await decide(two, url)).status, 400);
  assert.equal((await decide(one, SERVER)).status, 303);
});
