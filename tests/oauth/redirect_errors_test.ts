import assert from "node:assert/strict";
import { authorizationUrl, createPkce, REDIRECT_URI, register } from "../support/oauth_client.ts";
import { createWorld, SERVER } from "../support/world.ts";

const HOSTED = "https://app.example:8443/cb?tenant=a&b";

/** Sends a wrong request of a new client, as a browser unless told otherwise. */
async function ask(
  redirectUri: string,
  parameters: Record<string, string | undefined> = {},
  headers: Record<string, string> = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" },
): Promise<Response> {
  const world = await createWorld();
  const { client_id } = await register(world, { redirect_uris: [redirectUri] });
  const url = authorizationUrl({
    client_id,
    code_challenge: createPkce().challenge,
    redirect_uri: redirectUri,
    scope: "unheard-of",
    ...parameters,
  });
  return await world.fetch(url, { headers, redirect: "manual" });
}

/** Where the page's only link leads. */
function readLink(page: string): URL {
  const [href, ...others] = [...page.matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, href]) => href);
  assert.deepEqual(others, []);
  return new URL((href ?? "").replaceAll("&amp;", "&"));
}

// fastmcp#1558, fastmcp#3037, fastmcp#4406: what was open by default led anywhere.
Deno.test("an error is not sent to a website by itself: this is no open redirector (RFC 9700 §4.11.2, AS-25)", async () => {
  const response = await ask(HOSTED);
  assert.equal(response.status, 400);
  assert.equal(response.headers.get("location"), null);
  const page = await response.text();
  assert.match(page, /app\.example:8443/, "names the host");
  assert.match(page, /No scope of this server was requested/, "says what is wrong");
  assert.match(page, /invalid_scope/);
  assert.doesNotMatch(page, /http-equiv|<script/);
});

Deno.test("a person who clicks takes the error to the website's app, with state and one iss", async () => {
  const link = readLink(await (await ask(HOSTED)).text());
  assert.ok(link.href.startsWith(`${HOSTED}&`), "the app's own query stays as it is");
  assert.equal(link.searchParams.get("error"), "invalid_scope");
  assert.equal(link.searchParams.get("state"), "client-state");
  assert.deepEqual(link.searchParams.getAll("iss"), [SERVER]);
  const without = readLink(await (await ask(HOSTED, { state: undefined })).text());
  assert.ok(!without.searchParams.has("state"));
});

Deno.test("what the request holds cannot break out of the page", async () => {
  const state = `"><script>alert(1)</script>`;
  const page = await (await ask(HOSTED, { state })).text();
  assert.doesNotMatch(page, /<script/);
  assert.equal(readLink(page).searchParams.get("state"), state);
});

for (
  const redirectUri of [
    REDIRECT_URI,
    "https://localhost:8443/cb",
    "https://app.localhost/cb",
    "cursor://anysphere.cursor-mcp/oauth/callback",
  ]
) {
  Deno.test(`an error goes at once to an app on the person's own computer: ${redirectUri}`, async () => {
    const response = await ask(redirectUri);
    assert.equal(response.status, 303);
    assert.ok(response.headers.get("location")?.startsWith(`${redirectUri}?error=invalid_scope`));
  });
}

Deno.test("a program that is no browser is redirected as OAuth says", async () => {
  const response = await ask(HOSTED, {}, { accept: "application/json" });
  assert.equal(response.status, 303);
  assert.ok(response.headers.get("location")?.startsWith(`${HOSTED}&error=invalid_scope`));
});
