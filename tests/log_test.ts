/** What the log never holds, and that the search for it finds what it should. */

import assert from "node:assert/strict";
import { createLog } from "../lib/log.ts";
import { signIn } from "./support/oauth_client.ts";
import { createSecretWatch, type Leak } from "./support/secret_watch.ts";
import { createWorld } from "./support/world.ts";

/** Has one exchange watched, and logs what `describe` makes of it. */
async function leak(
  request: Request,
  response: Response,
  describe: () => string,
  format: "json" | "text" = "text",
): Promise<Leak[]> {
  const watch = createSecretWatch();
  const lines: string[] = [];
  watch.watchLog(() => lines);
  await watch.watch(() => Promise.resolve(response))(request);
  const log = createLog({
    level: "debug",
    format,
    now: () => 0,
    write: (line) => lines.push(line),
  });
  log.debug("harmless", { client_id: "wmcp_client_1" });
  log.debug("careless", { message: describe() });
  return await watch.findLeaks();
}

Deno.test("a watched secret is found in a log of either format, in any spelling, cut or whole", async () => {
  const secret = `${"seal".repeat(9)} "&${"x1yz".repeat(9)}`;
  for (const format of ["json", "text"] as const) {
    for (const spelling of [secret, encodeURIComponent(secret), secret.slice(0, 60)]) {
      const request = new Request("http://server.test/?" + new URLSearchParams({ code: secret }));
      const leaks = await leak(request, new Response(), () => `got ${spelling}`, format);
      assert.deepEqual(leaks, [{ kind: "code", event: "careless" }]);
    }
  }
});

Deno.test("every place where a secret passes is watched", async () => {
  const value = "0123456789-secret";
  const url = "http://server.test/";
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const post = (headers: Record<string, string>, body: string) =>
    new Request(url, { method: "POST", headers, body });
  const page = { headers: { "content-type": "text/html; charset=utf-8" } };
  const exchanges: [kind: string, request: Request, response?: Response][] = [
    ["state", new Request(`${url}?state=${value}`)],
    ["cookie", new Request(url, { headers: { cookie: `a=b; sign-in-x=${value}` } })],
    ["authorization", new Request(url, { headers: { authorization: `DPoP ${value}` } })],
    ["code_verifier", post(form, `code_verifier=${value}`)],
    ["client_secret", post({ "content-type": "application/json" }, `{"client_secret":"${value}"}`)],
    ["email", new Request(url), Response.json({ user: { email: value } })],
    ["refresh_token", new Request(url), Response.json({ refresh_token: value })],
    ["code", new Request(url), Response.redirect(`http://127.0.0.1/callback?code=${value}`)],
    [
      "cookie",
      new Request(url),
      new Response("", { headers: { "set-cookie": `a=${value}; Path=/` } }),
    ],
    ["request", new Request(url), new Response(`<input name="request" value="${value}">`, page)],
  ];
  for (const [kind, request, response = new Response()] of exchanges) {
    const leaks = await leak(request, response, () => value);
    assert.deepEqual(leaks, [{ kind, event: "careless" }]);
  }
});

Deno.test("a person's name is found as a word, and not as letters of an id", async () => {
  const find = (text: string) =>
    leak(
      new Request("http://server.test/"),
      Response.json({ user: { first_name: "Bob" } }),
      () => text,
    );
  for (const text of ["Bob Baker signed in", "name=Bob", '{"name":"Bob"}']) {
    assert.deepEqual(await find(text), [{ kind: "first_name", event: "careless" }]);
  }
  assert.deepEqual(await find("grant x7Bob-4Kq and aBob and Bob_1"), []);
});

Deno.test("what looks like a secret is found where no traffic was seen", async () => {
  const { tokens } = await signIn(await createWorld());
  for (const secret of [tokens.access_token, "eyJhbGciOiJSUzI1NiJ9.e30.x", "alice@acme.test"]) {
    const watch = createSecretWatch();
    watch.watchLog(() => ["msg=harmless a=b\n", `msg=careless x=${secret}\n`], { shapes: true });
    assert.deepEqual((await watch.findLeaks()).map(({ event }) => event), ["careless"]);
  }
});
