/** What has gone wrong on the way from a client to WorkOS and back elsewhere. */

import assert from "node:assert/strict";
import { readForm } from "../../lib/demo/scripted_browser.ts";
import { CLIENT_ID, publish } from "../support/document_client.ts";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  post,
  REDIRECT_URI,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { createWorld, EMULATOR, SERVER, type World } from "../support/world.ts";

async function prepare(env: Record<string, string> = {}) {
  const world = await createWorld({ env });
  const { client_id } = await register(world);
  const { verifier, challenge } = createPkce();
  const url = (parameters: Record<string, string> = {}) =>
    authorizationUrl({ client_id, code_challenge: challenge, ...parameters });
  return { world, client_id, verifier, url };
}

function redeem(world: World, clientId: string, end: string, verifier: string, more = {}) {
  return post(world, "/token", {
    grant_type: "authorization_code",
    client_id: clientId,
    code: new URL(end).searchParams.get("code") ?? "",
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
    ...more,
  });
}

// GHSA-c2jp-c369-7pvx: WorkOS remembers the person and asks nothing; a client that anybody may
// register would get the code without a question.
Deno.test("a sign-in that WorkOS remembers does not spare anybody our question (AS-15; CD-2)", async () => {
  const { world } = await prepare();
  const victim = world.browser();
  const own = await register(world);
  const remembered = { login_hint: "alice@acme.test", code_challenge: createPkce().challenge };
  const first = await victim.visit(authorizationUrl({ client_id: own.client_id, ...remembered }));
  const end = await victim.submit(first, { decision: "approve" });
  assert.match(end.url, /code=/, "WorkOS did not ask");

  const redirectUri = "https://attacker.example/cb";
  const attacker = await register(world, { redirect_uris: [redirectUri] });
  const visited: string[] = [];
  world.emulator.fetch = ((fetch) => (request: Request) => {
    visited.push(request.url);
    return fetch(request);
  })(world.emulator.fetch);
  const page = await victim.visit(authorizationUrl({
    client_id: attacker.client_id,
    redirect_uri: redirectUri,
    ...remembered,
  }));
  assert.equal(page.status, 200);
  assert.match(page.text, /<dd><strong>attacker\.example<\/strong>/);
  assert.deepEqual(visited, []);
});

// GHSA-6x8h-498w-gv8c: a consent once given let later requests through without a page. CD-1, CD-3:
// the record of who approved what is one sign-in long, so there is none to read or to forge.
for (const kind of ["registered client", "client with a document"]) {
  Deno.test(`who approved a ${kind} is asked again the next time, in the same browser`, async () => {
    const { world, url: ask } = await prepare();
    publish(world);
    // Such an id is the same for everybody, so an attacker need not even register.
    const url = () => kind === "registered client" ? ask() : ask({ client_id: CLIENT_ID });
    const browser = world.browser();
    for (let time = 0; time < 3; time++) {
      const page = await browser.visit(url());
      assert.equal(page.status, 200);
      assert.match(page.text, /name="decision" value="approve"/);
      const login = await browser.submit(page, { decision: "approve" });
      assert.match((await browser.submit(login, { email: "alice@acme.test" })).url, /code=/);
    }
  });
}

Deno.test("another scope or redirect URI of an approved client is shown anew (CD-6, CD-10)", async () => {
  const { world } = await prepare();
  const redirect_uris = [REDIRECT_URI, "https://app.example/cb"];
  const { client_id } = await register(world, { redirect_uris });
  const { challenge } = createPkce();
  const url = (parameters: Record<string, string>) =>
    authorizationUrl({ client_id, code_challenge: challenge, ...parameters });
  const browser = world.browser();
  await approve(browser, url({ scope: "openid profile email" }));
  const wider = await browser.visit(url({ scope: "openid profile email members:read" }));
  assert.match(wider.text, /Use your permission &quot;members:read&quot;/);
  const elsewhere = await browser.visit(url({ redirect_uri: "https://app.example/cb" }));
  assert.match(elsewhere.text, /<strong>app\.example<\/strong>/);
  assert.ok(!elsewhere.text.includes(REDIRECT_URI));
});

// fastmcp 95edc1d2f: the page showed one set of scopes, the token had another.
Deno.test("the token has the scopes that the page showed, and no other", async () => {
  const requests = [
    undefined,
    "openid profile email",
    "openid profile email offline_access",
    "openid profile email members:read",
    "openid profile email admin unknown",
  ];
  for (const scope of requests) {
    const { world, client_id, verifier, url } = await prepare();
    const browser = world.browser();
    const page = await browser.visit(url(scope === undefined ? { scope: "" } : { scope }));
    const shown = [...page.text.matchAll(/<li>([^<]*)<\/li>/g)].map(([, text]) => text);
    const login = await browser.submit(page, { decision: "approve" });
    const end = await browser.submit(login, { email: "alice@acme.test" });
    const tokens = await (await redeem(world, client_id, end.url, verifier)).json();
    const descriptions: Record<string, string> = {
      openid: "Know who you are",
      profile: "See your name and picture",
      email: "See your e-mail address",
      offline_access: "Stay signed in until you revoke it",
      "members:read": "Use your permission &quot;members:read&quot;",
    };
    const granted = new Set<string>(tokens.scope.split(" "));
    // A refresh token is what it stands for, so the page says it whether it was asked for or not.
    assert.ok(tokens.refresh_token);
    granted.add("offline_access");
    assert.deepEqual(new Set(shown), new Set([...granted].map((name) => descriptions[name])));
  }
});

// fastmcp b8c37bfa8: the required scopes were written onto every token, so the check always passed.
Deno.test("a required scope is granted on WorkOS's word only, never because it is required", async () => {
  const { world, url } = await prepare({ WORKOS_REQUIRED_SCOPES: "openid members:read" });
  const bob = new URL((await approve(world.browser(), url({ scope: "" }), "bob@acme.test")).url);
  assert.equal(bob.searchParams.get("error"), "access_denied");
  assert.match(bob.searchParams.get("error_description") ?? "", /lacks .*members:read/);
  assert.match((await approve(world.browser(), url({ scope: "" }))).url, /code=/);
});

// CVE-2025-69196: the resource was not looked at, so a token was good for other servers as well.
Deno.test("a token for another resource is not to be had, at no step (RS-5)", async () => {
  const { world, client_id, verifier, url } = await prepare();
  const resource = "https://other.example/mcp";
  const refused = new URL((await approve(world.browser(), url())).url);
  const asked = await world.fetch(url({ resource }), { redirect: "manual" });
  assert.match(asked.headers.get("location") ?? "", /error=invalid_target/);

  const exchange = await redeem(world, client_id, refused.href, verifier, { resource });
  assert.equal((await exchange.json()).error, "invalid_target");
  const tokens = await (await redeem(world, client_id, refused.href, verifier)).json();
  const refresh = await post(world, "/token", {
    grant_type: "refresh_token",
    client_id,
    refresh_token: tokens.refresh_token,
    resource,
  });
  assert.equal((await refresh.json()).error, "invalid_target");
});

// CVE-2025-69196, fastmcp 330eaed11: tokens of the identity provider went to clients, and those of
// other applications were accepted.
Deno.test("no WorkOS token reaches a client, and none is accepted from one (RS-7)", async () => {
  const { world, client_id, verifier, url } = await prepare();
  const upstream: string[] = [];
  world.faults.workos = async (request) => {
    const response = await world.emulator.fetch(request);
    if (!request.url.endsWith("/authenticate")) return response;
    const { access_token, refresh_token } = await response.clone().json();
    upstream.push(access_token, refresh_token);
    return response;
  };
  const seen: string[] = [];
  const end = await approve(world.browser(), url());
  seen.push(end.url);
  const answer = await (await redeem(world, client_id, end.url, verifier)).text();
  const tokens = JSON.parse(answer);
  seen.push(answer, await (await callTool(world, tokens.access_token, "whoami")).text());
  world.advance(6 * 60_000);
  const form = { grant_type: "refresh_token", client_id, refresh_token: tokens.refresh_token };
  seen.push(await (await post(world, "/token", form)).text());
  assert.equal(upstream.length, 4, "signed in, and renewed once");
  for (const token of upstream) {
    assert.ok(!seen.concat(world.logs).some((text) => text.includes(token)));
    assert.equal((await callTool(world, token, "whoami")).status, 401);
    const refresh = await post(world, "/token", { ...form, refresh_token: token });
    assert.equal((await refresh.json()).error, "invalid_grant");
  }
});

// deno_kv_oauth success_url: where to go afterwards was taken from the query.
Deno.test("no parameter but the registered redirect URI decides where a browser ends up", async () => {
  const { world, url } = await prepare();
  const names = ["success_url", "return_to", "redirect", "redirect_url", "next", "continue", "url"];
  const evil = new URLSearchParams(names.map((name) => [name, "https://evil.example/"])).toString();
  const locations: string[] = [];
  const note = (response: Response) => {
    const location = response.headers.get("location");
    if (location !== null) locations.push(location);
    return response;
  };
  world.app.fetch =
    ((fetch) => async (request: Request, peer?: string) => note(await fetch(request, peer)))(
      world.app.fetch,
    );
  const browser = world.browser();
  const page = await browser.visit(`${url()}&${evil}`);
  const { action } = readForm(page);
  assert.equal(action, `${SERVER}/consent`);
  const login = await browser.submit(page, {
    decision: "approve",
    ...Object.fromEntries(
      names.map((name) => [name, "https://evil.example/"]),
    ),
  });
  assert.equal(new URL(login.url).origin, EMULATOR);
  await browser.submit(login, { email: "alice@acme.test" });
  for (const path of ["/", "/auth/callback", "/healthz", "/consent", "/token"]) {
    note(await world.fetch(`${SERVER}${path}?${evil}`));
  }
  assert.deepEqual(locations.map((location) => new URL(location).origin), [
    EMULATOR,
    new URL(REDIRECT_URI).origin,
  ]);
});

// fastmcp a42faab78, fastmcp 0c1c42f15: one trailing slash more made two servers out of one.
Deno.test("the server has one name, in every document and answer, to the letter", async () => {
  for (const baseUrl of ["https://mcp.example.com", "https://mcp.example.com/"]) {
    const world = await createWorld({ env: { WORKOS_BASE_URL: baseUrl } });
    const name = "https://mcp.example.com";
    const get = async (path: string) => await (await world.fetch(name + path)).json();
    const resource = await get("/.well-known/oauth-protected-resource/mcp");
    const server = await get("/.well-known/oauth-authorization-server");
    assert.deepEqual(resource.authorization_servers, [name]);
    assert.equal(resource.resource, `${name}/mcp`);
    assert.equal(server.issuer, name);
    for (const [member, url] of Object.entries(server)) {
      if (member.endsWith("_endpoint")) assert.match(String(url), /^https:\/\/[\w.]+\/\w+$/);
    }
    const challenge = await world.fetch(`${name}/mcp`, { method: "POST" });
    assert.match(
      challenge.headers.get("www-authenticate") ?? "",
      /resource_metadata="https:\/\/mcp\.example\.com\/\.well-known\/oauth-protected-resource\/mcp"/,
    );
    const { client_id } = await (await world.fetch(`${name}/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
    })).json();
    const { search } = new URL(authorizationUrl({ client_id, resource: "https://x.example" }));
    const refused = await world.fetch(`${name}/authorize${search}`, { redirect: "manual" });
    const location = new URL(refused.headers.get("location") ?? "");
    assert.deepEqual(location.searchParams.getAll("iss"), [name]);
  }
});

// fastmcp 801385df4: a lock for every user ever seen was kept. One that stayed here would be found
// by the next renewal, which would then ask nobody.
Deno.test("a renewal that is over, well or badly, leaves nothing behind", async () => {
  const { world } = await prepare();
  const { tokens, clientId } = await signIn(world);
  let { access_token, refresh_token } = tokens;
  for (const down of [false, true, false, true, false]) {
    world.advance(6 * 60_000);
    world.faults.workos = down ? () => new Response(null, { status: 503 }) : undefined;
    world.upstreamCalls.length = 0;
    const form = { grant_type: "refresh_token", client_id: clientId, refresh_token };
    const response = await post(world, "/token", form);
    assert.equal(response.status, down ? 503 : 200);
    // WorkOS's keys may be fetched again meanwhile; nobody waits for that.
    const asked = world.upstreamCalls.filter((call) => call.startsWith("POST"));
    assert.deepEqual(asked, ["POST /user_management/authenticate"]);
    if (!down) ({ access_token, refresh_token } = await response.json());
  }
  assert.equal((await callTool(world, access_token, "whoami")).status, 200);
});
