import assert from "node:assert/strict";
import { type Page, readForm, type ScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import {
  approve,
  authorizationUrl,
  createPkce,
  REDIRECT_URI,
  register,
} from "../support/oauth_client.ts";
import { createWorld, EMULATOR, SERVER, type World } from "../support/world.ts";

async function prepare(metadata: Record<string, unknown> = {}) {
  const world = await createWorld();
  const { client_id } = await register(world, metadata);
  const { challenge } = createPkce();
  const url = authorizationUrl({ client_id, code_challenge: challenge });
  return { world, url };
}

function isAtWorkOS(page: Page): boolean {
  return page.url.startsWith(`${EMULATOR}/user_management/authorize`);
}

/** Posts the consent form as some browser would, and returns the bare answer. */
async function decide(
  world: World,
  browser: ScriptedBrowser,
  page: Page,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { action, fields } = readForm(page);
  const jar = [...browser.cookies.get("localhost") ?? []];
  return await world.fetch(action, {
    method: "POST",
    redirect: "manual",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      accept: "text/html",
      cookie: jar.map(([name, value]) => `${name}=${value}`).join("; "),
      ...headers,
    },
    body: new URLSearchParams({ ...fields, decision: "approve" }).toString(),
  });
}

// fastmcp triage policy: anybody may register any redirect, so the page has to show where it leads.
Deno.test("the page names the app, where its answer goes and what it may do (CD-4, CD-5, CD-6; AS-14)", async () => {
  const { world, url } = await prepare({ client_name: "Claude <b>Code</b>" });
  const page = await world.browser().visit(url);
  assert.equal(page.status, 200);
  assert.match(page.text, /Claude &lt;b&gt;Code&lt;\/b&gt;/);
  assert.match(page.text, /this computer \(127\.0\.0\.1:33418\)/);
  assert.ok(page.text.includes(REDIRECT_URI));
  assert.match(page.text, /See your e-mail address/);
  assert.match(page.text, /program on this computer/, "warns of loopback (AS-23)");
});

// fastmcp 6aff9c94b, fastmcp 463b33694: `form-action` stopped the way back to an app's own scheme.
Deno.test("the page cannot be framed, runs nothing and is not cached (CD-8)", async () => {
  const { world, url } = await prepare();
  const { headers } = await world.browser().visit(url);
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|form-action/);
  assert.equal(headers.get("x-frame-options"), "DENY");
  assert.equal(headers.get("cache-control"), "no-store");
});

Deno.test("nothing is stored and no state cookie is set before the decision (CD-12, CD-16)", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const page = await browser.visit(url);
  assert.ok([...browser.cookies.get("localhost")?.keys() ?? []].every((n) => /^consent-/.test(n)));
  const [cookie] = page.headers.getSetCookie();
  assert.match(cookie ?? "", /HttpOnly/);
  assert.match(cookie ?? "", /SameSite=Lax/);
  const consented = await browser.submit(page, { decision: "approve" });
  assert.ok(isAtWorkOS(consented));
  assert.ok([...browser.cookies.get("localhost")?.keys() ?? []].some((n) => /^sign-in-/.test(n)));
});

Deno.test("over https the cookies carry the __Host- prefix and Secure (CD-9)", async () => {
  const world = await createWorld({ env: { WORKOS_BASE_URL: "https://mcp.example.com" } });
  const registered = await world.fetch("https://mcp.example.com/register", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
  });
  const { client_id } = await registered.json();
  const url = new URL(
    authorizationUrl({ client_id, code_challenge: createPkce().challenge, resource: undefined }),
  );
  const page = await world.fetch(`https://mcp.example.com/authorize${url.search}`);
  const [cookie] = page.headers.getSetCookie();
  assert.match(cookie ?? "", /^__Host-consent-/);
  assert.match(cookie ?? "", /; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
});

Deno.test("denying leads back to the client with access_denied", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const end = await browser.submit(await browser.visit(url), { decision: "deny" });
  const { searchParams } = new URL(end.url);
  assert.equal(searchParams.get("error"), "access_denied");
  assert.equal(searchParams.get("state"), "client-state");
  assert.deepEqual(searchParams.getAll("iss"), [SERVER]);
  assert.deepEqual(world.upstreamCalls, []);
});

Deno.test("after a denial the same page cannot be approved, a new one can", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const page = await browser.visit(url);
  await browser.submit(page, { decision: "deny" });
  const again = await browser.submit(page, { decision: "approve" });
  assert.equal(again.status, 409);
  assert.match(again.text, /This sign-in is over/);
  assert.match((await approve(browser, url)).url, /code=/);
});

Deno.test("approving twice, as by a double click, leads to the same sign-in", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const page = await browser.visit(url);
  const first = await browser.submit(page, { decision: "approve" });
  const second = await browser.submit(page, { decision: "approve" });
  assert.equal(first.url, second.url);
  assert.match((await browser.submit(second, { email: "alice@acme.test" })).url, /code=/);
  const back = await browser.submit(page, { decision: "approve" });
  assert.equal(back.status, 409, "the back button after the end finds it over");
});

// fastmcp 19d9360cc: a browser that preloads renders the page twice, which killed the first form.
// fastmcp#4814, fastmcp#4817, google_workspace_mcp#830: the same, as their users told it.
Deno.test("a page that was rendered twice works in both renderings", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const pages = [await browser.visit(url), await browser.visit(url)];
  for (const page of pages) {
    const login = await browser.submit(page, { decision: "approve" });
    assert.match((await browser.submit(login, { email: "alice@acme.test" })).url, /code=/);
  }
});

// fastmcp 3ef913026: cookies grew until the header was too large for any server.
Deno.test("thirty open pages all work, and the cookies stay bounded", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const pages = [];
  for (let i = 0; i < 30; i++) pages.push(await browser.visit(url));
  for (const page of [pages[0], pages[29]]) {
    assert.ok(page);
    assert.ok(isAtWorkOS(await browser.submit(page, { decision: "approve" })));
  }
  for (let i = 0; i < 100; i++) await browser.visit(url);
  const size = [...browser.cookies.get("localhost") ?? []].flat().join("==").length;
  assert.ok(size < 4096, `${size} bytes of cookies`);
});

// GHSA-rww4-4w9c-7733, fastmcp 8fdb3cc27: the attacker has a page of his own, and the victim's
// browser posts what is in it.
Deno.test("an approval from another browser is refused (CVE-2026-27124)", async () => {
  const { world, url } = await prepare();
  const page = await world.browser().visit(url);
  const other = world.browser();
  await other.visit(url);
  const response = await decide(world, other, page);
  assert.equal(response.status, 403);
  assert.match(await response.text(), /belongs to another browser/);
});

Deno.test("a form sent from another site is refused, whatever cookies come along (CD-7)", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const page = await browser.visit(url);
  for (
    const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: "http://localhost:9999" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ]
  ) {
    const response = await decide(world, browser, page, headers as Record<string, string>);
    assert.equal(response.status, 403, JSON.stringify(headers));
    assert.equal(response.headers.get("location"), null);
  }
  assert.equal((await decide(world, browser, page, { origin: SERVER })).status, 303);
});

Deno.test("a form that was tampered with, or is too old, is refused", async () => {
  const { world, url } = await prepare();
  const browser = world.browser();
  const page = await browser.visit(url);
  const request = readForm(page).fields.request ?? "";
  const middle = Math.floor(request.length / 2);
  const flipped = request[middle] === "A" ? "B" : "A";
  const tampered = request.slice(0, middle) + flipped + request.slice(middle + 1);
  const refused = await browser.submit(page, { request: tampered, decision: "approve" });
  assert.equal(refused.status, 400);
  world.advance(11 * 60_000);
  const late = await browser.submit(page, { decision: "approve" });
  assert.match(late.text, /too old/);
});

Deno.test("names with control and direction characters are cleaned before they are shown", async () => {
  const { world, url } = await prepare({ client_name: "Safe\u202Eevil\u0000 App\u200B" });
  const page = await world.browser().visit(url);
  assert.match(page.text, /Allow Safeevil App\?/);
});
