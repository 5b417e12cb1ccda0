import assert from "node:assert/strict";
import { createCallbackHandler, listenOnLoopback } from "../../lib/client/callback_server.ts";
import { testNeeding } from "../support/needs.ts";

const STATE = "the-state";
const ORIGIN = "http://127.0.0.1:4321";

function createHandler() {
  const handler = createCallbackHandler(STATE, "/start/secret");
  handler.start(new URL("https://as.example/authorize?a=1&b=2"));
  handler.finish({ succeeded: true, title: "Done", paragraphs: ["Close <b>this</b>."] });
  let answered = false;
  handler.answer.then(() => answered = true);
  return { handler, answered: () => answered };
}

const strays: [string, string, number][] = [
  ["GET", "/favicon.ico", 404],
  ["GET", "/", 404],
  ["GET", "/start/guess", 404],
  ["GET", "/callback/", 404],
  ["HEAD", `/callback?code=c&state=${STATE}`, 405],
  ["POST", `/callback?code=c&state=${STATE}`, 405],
  ["POST", "/start/secret", 405],
  ["GET", "/callback", 400],
  ["GET", "/callback?code=c", 400],
  ["GET", "/callback?code=c&state=", 400],
  ["GET", "/callback?code=c&state=the-stat", 400],
  ["GET", "/callback?code=c&state=the-statE", 400],
  ["GET", `/callback?code=c&state=${STATE}&state=${STATE}`, 400],
  ["GET", `/callback?error=access_denied&state=wrong`, 400],
  ["GET", `/callback?state=${STATE}`, 400],
  ["GET", `/callback?code=c&code=d&state=${STATE}`, 400],
  ["GET", `/callback?code=c&error=e&state=${STATE}`, 400],
  ["GET", `/callback?code=c&iss=a&iss=b&state=${STATE}`, 400],
];
// CVE-2025-49596: a listener on this machine did what any web page told it to.
for (const [method, path, status] of strays) {
  Deno.test(`${method} ${path} gets ${status} and does not end the sign-in`, async () => {
    const { handler, answered } = createHandler();
    const response = await handler.handle(new Request(ORIGIN + path, { method }));
    assert.equal(response.status, status);
    assert.equal(answered(), false);
  });
}

// fastmcp 544f07265: whoever came last decided what the answer was.
Deno.test("the first valid answer wins; a later one sees the same page and changes nothing", async () => {
  const { handler } = createHandler();
  for (const code of ["first", "second"]) {
    const url = `${ORIGIN}/callback?code=${code}&state=${STATE}&iss=https%3A%2F%2Fas.example`;
    assert.equal((await handler.handle(new Request(url))).status, 200);
  }
  const answer = await handler.answer;
  assert.equal(answer.get("code"), "first");
  assert.equal(answer.get("iss"), "https://as.example");
});

// deepagents#4410: the page said that all was well before anybody knew.
Deno.test("the page waits until the sign-in has ended, so that it tells the truth", async () => {
  const handler = createCallbackHandler(STATE, "/start/secret");
  const page = handler.handle(new Request(`${ORIGIN}/callback?code=c&state=${STATE}`));
  await handler.answer;
  handler.finish({ succeeded: false, title: "It failed", paragraphs: [] });
  assert.equal((await page).status, 400);
});

// CVE-2025-62800: the page reflected what it was given.
Deno.test("the page runs nothing, loads nothing and escapes what it shows", async () => {
  const { handler } = createHandler();
  const page = await handler.handle(new Request(`${ORIGIN}/callback?code=c&state=${STATE}`));
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[\w+/]{43}='/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.equal(page.headers.get("cache-control"), "no-store");
  const html = await page.text();
  assert(html.includes("Close &lt;b&gt;this&lt;/b&gt;."));
  const style = /<style>([^]*)<\/style>/.exec(html)?.[1] ?? "";
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  assert(policy.includes(`'sha256-${new Uint8Array(hash).toBase64()}'`));
});

Deno.test("the start address redirects to the sign-in page", async () => {
  const { handler } = createHandler();
  const response = await handler.handle(new Request(`${ORIGIN}/start/secret`));
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), "https://as.example/authorize?a=1&b=2");
});

testNeeding({ net: true }, "a closed listener frees its port at once", async () => {
  const { handler } = createHandler();
  const listener = listenOnLoopback(handler.handle, { hostname: "127.0.0.1", port: 0 });
  const { port } = listener;
  // Browsers open connections they may not use.
  using _idle = await Deno.connect({ hostname: "127.0.0.1", port });
  const response = await fetch(`http://127.0.0.1:${port}/callback?code=c&state=${STATE}`);
  assert.equal(response.status, 200);
  await response.text();
  await listener.close();
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
});
