/**
 * What OAuth 2.1 §7 asks for on the whole way (AS-18). The rest of it has tests where it happens:
 * PKCE and replayed codes, consent, redirect URIs, framing, mix-up, storage.
 */

import assert from "node:assert/strict";
import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import {
  approve,
  authorizationUrl,
  createPkce,
  post,
  REDIRECT_URI,
  register,
} from "../support/oauth_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";

/** Signs in, and notes all that the browser was answered and sent to. */
async function signInNoting(world: World) {
  const answers: { request: string; status: number; location: string; cookies: string[] }[] = [];
  const browser = createScriptedBrowser({
    async fetch(request) {
      const response = await world.fetch(request);
      answers.push({
        request: `${request.method} ${new URL(request.url).origin}`,
        status: response.status,
        location: response.headers.get("location") ?? "",
        cookies: response.headers.getSetCookie(),
      });
      return response;
    },
    stopAt: (url) => url.startsWith(REDIRECT_URI),
  });
  const metadata = { token_endpoint_auth_method: "client_secret_post" };
  const { client_id, client_secret } = await register(world, metadata);
  const { verifier, challenge } = createPkce();
  const end = await approve(browser, authorizationUrl({ client_id, code_challenge: challenge }));
  const code = new URL(end.url).searchParams.get("code") ?? "";
  const response = await post(world, "/token", {
    grant_type: "authorization_code",
    client_id,
    client_secret: String(client_secret),
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  });
  const { access_token, refresh_token } = await response.json();
  return { answers, credentials: [code, access_token, refresh_token, String(client_secret)] };
}

Deno.test("whatever opens something holds 256 random bits and is made once (AS-18)", async () => {
  const world = await createWorld();
  const secrets: string[] = [];
  for (let time = 0; time < 3; time++) {
    const { answers, credentials } = await signInNoting(world);
    secrets.push(...credentials);
    for (const { location, cookies } of answers) {
      const state = URL.parse(location)?.searchParams.get("state");
      if (state && state !== "client-state") secrets.push(state);
      for (const cookie of cookies) secrets.push(/=([^;]*)/.exec(cookie)?.[1] ?? "");
    }
  }
  const values = secrets.filter((secret) => secret !== "");
  // Of each sign-in: four credentials, the state at WorkOS on both ways, two cookies.
  assert.ok(values.length >= 3 * 8, String(values.length));
  for (const value of values) assert.match(value, /[\w-]{43}/);
  const bits = values.map((value) => /[\w-]{43}(?=$|_[\w-]{22}$)/.exec(value)?.[0]);
  assert.equal(new Set(bits).size, new Set(values).size);
  assert.equal(new Set(values).size, 3 * 7, "nothing but the state is seen twice");
});

Deno.test("no token is in a URL or a cookie on the way, and no form is posted on (AS-18)", async () => {
  const world = await createWorld();
  const { answers, credentials: [, ...credentials] } = await signInNoting(world);
  assert.ok(answers.some(({ request, location }) => request === `POST ${SERVER}` && location));
  for (const { request, status, location, cookies } of answers) {
    // 307 would have the browser post the form's content to wherever it is sent.
    if (location !== "" && request === `POST ${SERVER}`) assert.equal(status, 303);
    for (const credential of credentials) {
      assert.ok(![location, ...cookies].some((text) => text.includes(credential)));
    }
  }
});
