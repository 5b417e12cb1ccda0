import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { CALLBACK, readRedirect, startEmulator, visit } from "./support.ts";

const AUTHKIT = { provider: "authkit" };

Deno.test("the sign-in page is one form with a button for every user", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, AUTHKIT);
  const page = await response.text();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(page.match(/<form/g)?.length, 1);
  assert.match(page, /<form method="post">/);
  assert.deepEqual(
    [...page.matchAll(/<button name="email" value="([^"]+)"/g)].map(([, email]) => email),
    ["alice@acme.test", "bob@acme.test", "carol@globex.test", "dave@solo.test", "erin@acme.test"],
  );
  assert.match(page, /WorkOS emulator — nobody's real account/);
});

Deno.test("pages allow no script, no frame and nothing from elsewhere", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, AUTHKIT);
  const { headers } = response;
  const [, style = ""] = /<style>(.*)<\/style>/s.exec(await response.text()) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = headers.get("content-security-policy") ?? "";
  assert.ok(policy.startsWith(`default-src 'none'; style-src 'sha256-${hash}'; `));
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /script-src|form-action|unsafe/);
  assert.equal(headers.get("cache-control"), "no-store");
});

Deno.test("the form of the sign-in page leads back with a code and the untouched state", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, { ...AUTHKIT, state: "a b&c=d%" }, {
    email: "alice@acme.test",
  });
  assert.equal(response.status, 302);
  assert.ok(response.headers.get("location")?.startsWith(`${CALLBACK}?`));
  const { code, ...rest } = readRedirect(response);
  assert.ok(code);
  assert.deepEqual(rest, { state: "a b&c=d%" });
});

Deno.test("without a state none is sent back", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, { ...AUTHKIT, state: undefined }, {
    email: "bob@acme.test",
  });
  assert.deepEqual(Object.keys(readRedirect(response)), ["code"]);
});

Deno.test("the login_hint of a known user, in any case, needs no page", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, { ...AUTHKIT, login_hint: "Alice@Acme.test" });
  assert.equal(response.status, 302);
  assert.ok(readRedirect(response).code);
});

Deno.test("the login_hint of somebody unknown shows the page", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, { ...AUTHKIT, login_hint: "mallory@acme.test" });
  assert.equal(response.status, 200);
});

Deno.test("an e-mail address that is not on the page shows the page again", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, AUTHKIT, { email: "mallory@acme.test" });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<h1>Sign in<\/h1>/);
});

Deno.test("the cancel link leads back with access_denied", async () => {
  const { emulator } = startEmulator();
  const page = await (await visit(emulator, AUTHKIT)).text();
  const [, href = ""] = /<a href="([^"]+)">Cancel/.exec(page) ?? [];
  const url = new URL(href.replaceAll("&amp;", "&"));
  assert.equal(url.origin + url.pathname, CALLBACK);
  assert.equal(url.searchParams.get("error"), "access_denied");
  assert.equal(url.searchParams.get("state"), "some state");
});

Deno.test("what a request contains is escaped on pages", async () => {
  const { emulator } = startEmulator();
  const attack = `"><script>alert(1)</script>`;
  const pages = await Promise.all([
    visit(emulator, { ...AUTHKIT, state: attack }),
    visit(emulator, { ...AUTHKIT, redirect_uri: attack }),
    visit(emulator, { ...AUTHKIT, client_id: attack }),
  ]);
  for (const page of pages) assert.doesNotMatch(await page.text(), /<script>/);
});

Deno.test("AuthKit asks a member of several organizations which one", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, AUTHKIT, { email: "carol@globex.test" });
  const page = await response.text();
  assert.equal(response.status, 200);
  assert.equal(page.match(/<form/g)?.length, 1);
  assert.deepEqual(
    [...page.matchAll(/<button name="organization_id" value="([^"]+)"/g)].map(([, id]) => id),
    ["org_acme", "org_globex"],
  );
  const [, name = "", value = ""] = /<input type="hidden" name="(\w+)" value="([^"]+)"/
    .exec(page) ?? [];
  const answer = await visit(emulator, AUTHKIT, { [name]: value, organization_id: "org_globex" });
  assert.ok(readRedirect(answer).code);
});

Deno.test("an organization that is not the person's own cannot be chosen", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, AUTHKIT, {
    user: "bob@acme.test",
    organization_id: "org_globex",
  });
  assert.equal(readRedirect(response).error, "access_denied");
});

Deno.test("AuthKit asks for no organization when the application named one", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, { ...AUTHKIT, organization_id: "org_globex" }, {
    email: "carol@globex.test",
  });
  assert.ok(readRedirect(response).code);
});

Deno.test("a social sign-in asks for no organization", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, { provider: "GoogleOAuth" }, {
    email: "carol@globex.test",
  });
  assert.ok(readRedirect(response).code);
});

const REFUSED: [string, Record<string, string | undefined>, string][] = [
  ["no selector", {}, "invalid_connection_selector"],
  ["an unknown provider", { provider: "MyspaceOAuth" }, "invalid_connection_selector"],
  ["two selectors", {
    connection_id: "conn_acme",
    organization_id: "org_acme",
  }, "invalid_connection_selector"],
  ["AuthKit and a connection", {
    ...AUTHKIT,
    connection_id: "conn_acme",
  }, "invalid_connection_selector"],
  ["a social provider and an organization", {
    provider: "GoogleOAuth",
    organization_id: "org_acme",
  }, "invalid_connection_selector"],
  ["an unknown connection", { connection_id: "conn_nowhere" }, "connection_invalid"],
  ["an unknown organization", { organization_id: "org_nowhere" }, "organization_invalid"],
  ["an unknown organization at AuthKit", {
    ...AUTHKIT,
    organization_id: "org_nowhere",
  }, "organization_invalid"],
  ["an organization without a connection", {
    organization_id: "org_globex",
  }, "organization_invalid"],
  ["another response type", { ...AUTHKIT, response_type: "token" }, "unsupported_response_type"],
  ["no response type", { ...AUTHKIT, response_type: undefined }, "unsupported_response_type"],
  ["a plain code challenge", {
    ...AUTHKIT,
    code_challenge: "a".repeat(43),
    code_challenge_method: "plain",
  }, "invalid_request"],
  ["a code challenge without a method", {
    ...AUTHKIT,
    code_challenge: "a".repeat(43),
  }, "invalid_request"],
  ["a method without a code challenge", {
    ...AUTHKIT,
    code_challenge_method: "S256",
  }, "invalid_request"],
  ["a code challenge that is no SHA-256", {
    ...AUTHKIT,
    code_challenge: "short",
    code_challenge_method: "S256",
  }, "invalid_request"],
  ["somebody the connection does not know", {
    connection_id: "conn_acme",
    login_hint: "bob@acme.test",
  }, "access_denied"],
  ["somebody who is not a member", {
    ...AUTHKIT,
    organization_id: "org_globex",
    login_hint: "alice@acme.test",
  }, "access_denied"],
];
for (const [what, parameters, error] of REFUSED) {
  Deno.test(`${what}: back to the application with ${error}`, async () => {
    const { emulator } = startEmulator();
    const result = readRedirect(await visit(emulator, parameters));
    assert.equal(result.error, error);
    assert.ok(result.error_description);
    assert.equal(result.state, "some state");
    assert.equal(result.code, undefined);
  });
}

Deno.test("an organization with two connections is ambiguous", async () => {
  const { emulator } = startEmulator();
  emulator.directory.addConnection({
    id: "conn_acme_2",
    organizationId: "org_acme",
    name: "Acme backup",
    userIds: [],
  });
  const response = await visit(emulator, { organization_id: "org_acme" });
  assert.equal(readRedirect(response).error, "ambiguous_connection_selector");
});

Deno.test("a former member is turned away at the organization", async () => {
  const { emulator } = startEmulator();
  emulator.directory.deactivateMembership("user_alice", "org_acme");
  const response = await visit(emulator, {
    connection_id: "conn_acme",
    login_hint: "alice@acme.test",
  });
  assert.equal(readRedirect(response).error, "access_denied");
});

Deno.test("a wrong client id never redirects and tells the developer the right one", async () => {
  const { emulator } = startEmulator();
  const response = await visit(emulator, { ...AUTHKIT, client_id: "client_other" });
  assert.equal(response.status, 400);
  assert.equal(response.headers.get("location"), null);
  assert.match(await response.text(), /client_other.*WORKOS_CLIENT_ID=client_emulator/s);
});

Deno.test("an unregistered redirect URI never redirects and is named on the page", async () => {
  const { emulator } = startEmulator();
  const uris = [
    "http://localhost:8000/auth/callback/",
    "http://localhost:8001/auth/callback",
    "http://localhost:8000/auth/callback?x=1",
    "http://LOCALHOST:8000/auth/callback",
    "https://evil.example/auth/callback",
    "",
  ];
  for (const uri of uris) {
    const response = await visit(emulator, { ...AUTHKIT, redirect_uri: uri });
    assert.equal(response.status, 400, uri);
    assert.equal(response.headers.get("location"), null);
    const page = await response.text();
    assert.ok(page.includes(`<code>${uri}</code>`), uri);
    assert.match(page, /dashboard/);
  }
});

Deno.test("a program gets a wrong setup told in JSON", async () => {
  const { emulator } = startEmulator();
  const response = await emulator.fetch(
    new Request("http://localhost:4100/user_management/authorize?client_id=client_emulator", {
      headers: { accept: "application/json" },
    }),
  );
  assert.equal(response.status, 400);
  assert.deepEqual(await response.json(), {
    code: "invalid_redirect_uri",
    message: `redirect_uri must be one of: ${CALLBACK}`,
  });
});

Deno.test("a star in a registered redirect URI stands for a port and nothing else", async () => {
  const { emulator } = startEmulator({ redirectUris: ["http://localhost:*/auth/callback"] });
  const isAllowed = async (uri: string) =>
    (await visit(emulator, { ...AUTHKIT, redirect_uri: uri })).status === 200;
  assert.ok(await isAllowed("http://localhost:8000/auth/callback"));
  assert.ok(await isAllowed("http://localhost:1/auth/callback"));
  const refused = [
    "http://localhost:/auth/callback",
    "http://localhost/auth/callback",
    "http://localhost:*/auth/callback",
    "http://localhost:65536/auth/callback",
    "http://localhost:80@evil.example/auth/callback",
    "http://localhost:8000/evil/auth/callback",
    "http://localhost:8000/auth/callback#x",
  ];
  for (const uri of refused) assert.equal(await isAllowed(uri), false, uri);
});
