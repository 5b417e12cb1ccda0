/** A refused sign-in: a page for people whose app is a website, the redirect for everybody else. */

import assert from "node:assert/strict";
import type { Page } from "../../lib/demo/scripted_browser.ts";
import {
  approve,
  authorizationUrl,
  createPkce,
  REDIRECT_URI,
  register,
} from "../support/oauth_client.ts";
import { createWorld, SERVER } from "../support/world.ts";

const WEBSITE = "https://app.example:8443/cb?tenant=a";
const APP = "cursor://anysphere.cursor-mcp/oauth/callback";

/** Signs in for a client with this redirect URI. */
async function attempt(
  redirectUri: string,
  env: Record<string, string>,
  email: string = "dave@solo.test",
  scope?: string,
) {
  const world = await createWorld({ env });
  const { client_id } = await register(world, { redirect_uris: [redirectUri] });
  const url = authorizationUrl({
    client_id,
    code_challenge: createPkce().challenge,
    redirect_uri: redirectUri,
    ...(scope && { scope }),
  });
  const end = await approve(world.browser(), url, email);
  return { world, end };
}

/** Where the page's only link leads. */
function readLink({ text }: Page): URL {
  const [href, ...others] = [...text.matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, href]) => href);
  assert.deepEqual(others, []);
  return new URL((href ?? "").replaceAll("&amp;", "&"));
}

const MEMBERS_ONLY = { WORKOS_REQUIRED_CLAIMS: `{"org_id":"*"}` };

Deno.test("a person whose app is a website reads what happened, and takes the error there", async () => {
  const { world, end } = await attempt(WEBSITE, MEMBERS_ONLY);
  assert.equal(end.status, 403);
  assert.match(end.text, /You are not signed in/);
  assert.match(end.text, /members of an organization/);
  assert.match(end.text, /claim_not_met/);
  assert.match(end.text, /Go back to app\.example:8443/);
  const link = readLink(end);
  assert.ok(link.href.startsWith(`${WEBSITE}&`));
  assert.equal(link.searchParams.get("error"), "access_denied");
  assert.match(link.searchParams.get("error_description") ?? "", /members of an organization/);
  assert.equal(link.searchParams.get("state"), "client-state");
  assert.deepEqual(link.searchParams.getAll("iss"), [SERVER]);
  const line = JSON.parse(world.logs.find((line) => line.includes("sign_in_failed")) ?? "{}");
  assert.equal(line.properties.reason, "claim_not_met");
  assert.match(line.properties.message, /org_id/);
});

Deno.test("an app on the person's own computer gets the error at once", async () => {
  for (const redirectUri of [REDIRECT_URI, APP, "https://localhost:8443/cb"]) {
    const { end } = await attempt(redirectUri, MEMBERS_ONLY);
    assert.equal(end.status, 0);
    assert.ok(end.url.startsWith(redirectUri));
    assert.match(end.url, /error=access_denied/);
  }
});

Deno.test("a program that is no browser gets the redirect at once", async () => {
  const world = await createWorld({ env: MEMBERS_ONLY });
  const { client_id } = await register(world, { redirect_uris: [WEBSITE] });
  const url = authorizationUrl({
    client_id,
    code_challenge: createPkce().challenge,
    redirect_uri: WEBSITE,
    login_hint: "dave@solo.test",
  });
  const browser = world.browser();
  const page = await browser.visit(url);
  const callbacks: Response[] = [];
  const fetch = world.app.fetch;
  world.app.fetch = async (request, peer) => {
    if (!request.url.includes("/auth/callback")) return await fetch(request, peer);
    request.headers.set("accept", "*/*");
    const response = await fetch(request, peer);
    callbacks.push(response.clone());
    return response;
  };
  await browser.submit(page, { decision: "approve" });
  assert.deepEqual(callbacks.map(({ status }) => status), [303]);
  assert.match(callbacks[0]?.headers.get("location") ?? "", /^https:\/\/app.*error=access_denied/);
});

Deno.test("what a person lacks is named, with who can mend it", async () => {
  const cases: [Record<string, string>, string, string, RegExp][] = [
    [{}, "erin@acme.test", "openid profile email", /not verified at WorkOS. Verify it there/],
    [
      { WORKOS_REQUIRED_SCOPES: "openid members:read" },
      "bob@acme.test",
      "openid members:read",
      /lacks what is asked for: members:read.*administrator/,
    ],
  ];
  for (const [env, email, scope, expected] of cases) {
    const { world, end } = await attempt(WEBSITE, env, email, scope);
    assert.equal(end.status, 403);
    assert.match(end.text, expected);
    assert.ok(world.logs.some((line) => line.includes('"reason":"scope_not_granted"')));
  }
});

Deno.test("who cancels at WorkOS goes back at once: nothing needs explaining", async () => {
  const { end } = await attempt(WEBSITE, { WORKOS_CONNECTION_ID: "conn_acme" });
  // The identity provider does not know Dave, which WorkOS tells on its redirect.
  assert.equal(end.status, 0);
  assert.ok(end.url.startsWith(WEBSITE));
});
