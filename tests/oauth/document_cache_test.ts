import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import { computeFreshness } from "../../lib/oauth/document_cache.ts";
import {
  authorize,
  CLIENT_ID,
  DOCUMENT,
  publish,
  refreshByDocument,
  signInByDocument,
} from "../support/document_client.ts";
import { post } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

const MINUTE = 60_000;
const FRESHNESS: [Record<string, string>, number][] = [
  [{}, 5 * MINUTE],
  [{ "cache-control": "public" }, 5 * MINUTE],
  [{ "cache-control": "max-age=600" }, 10 * MINUTE],
  [{ "cache-control": "Public, Max-Age=600" }, 10 * MINUTE],
  [{ "cache-control": 'max-age="600"' }, 10 * MINUTE],
  [{ "cache-control": "max-age=600", age: "120" }, 8 * MINUTE],
  [{ "cache-control": "max-age=600", age: "6000" }, MINUTE],
  [{ "cache-control": "max-age=0" }, MINUTE],
  [{ "cache-control": "max-age=600, no-store" }, MINUTE],
  [{ "cache-control": "no-cache" }, MINUTE],
  [{ "cache-control": "max-age=31536000" }, 24 * 60 * MINUTE],
  [{ "cache-control": `max-age=${"9".repeat(400)}` }, 24 * 60 * MINUTE],
  [{ "cache-control": "max-age=-1" }, 5 * MINUTE],
  [{ "cache-control": "max-age=600", age: "soon" }, 10 * MINUTE],
];

Deno.test("a document is kept as long as HTTP says, within bounds (AS-21)", () => {
  for (const [headers, expected] of FRESHNESS) {
    assert.equal(computeFreshness(new Headers(headers)), expected, JSON.stringify(headers));
  }
});

Deno.test("a document is fetched again when it is stale, and its new content counts", async () => {
  const world = await createWorld();
  publish(world, DOCUMENT, { headers: { "cache-control": "max-age=600" } });
  await authorize(world);
  world.advance(10 * MINUTE - 1);
  publish(world, { ...DOCUMENT, redirect_uris: ["https://app.example/cb"] });
  assert.equal((await authorize(world)).status, 200);
  assert.equal(world.documentRequests.length, 1);
  world.advance(1);
  assert.equal((await authorize(world)).error, "invalid_request");
  assert.equal(world.documentRequests.length, 2);
});

Deno.test("50 parallel requests fetch a document once", async () => {
  const world = await createWorld();
  publish(world);
  const answers = await Promise.all(Array.from({ length: 50 }, () => authorize(world)));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(world.documentRequests.length, 1);
});

Deno.test("a failure is remembered for half a minute, so that nobody is hammered through us", async () => {
  const world = await createWorld();
  const failures = [
    () => new Response(null, { status: 404 }),
    () => new Response(null, { status: 503 }),
    () => Response.json({}),
  ];
  for (const failure of failures) {
    world.documents.set(CLIENT_ID, failure);
    world.documentRequests.length = 0;
    for (let i = 0; i < 10; i++) assert.equal((await authorize(world)).error, "invalid_client");
    assert.equal(world.documentRequests.length, 1);
    world.advance(30_000);
  }
  publish(world);
  assert.equal((await authorize(world)).status, 200);
});

Deno.test("the cache is bounded: the least recently used document goes first", async () => {
  const world = await createWorld({ env: { TRUSTED_PROXY_HOPS: "1" } });
  const revoke = (n: number) =>
    post(world, "/revoke", { client_id: url(n), token: "x" }, {
      "x-forwarded-for": `10.0.0.${n % 20}`,
    });
  const url = (n: number) => `https://app${n % 20}.example/clients/${n}`;
  for (let n = 0; n <= 1000; n++) {
    publish(world, { ...DOCUMENT, client_id: url(n) }, { url: url(n) });
    if (n === 1000) await revoke(0);
    await revoke(n);
  }
  assert.equal(world.documentRequests.length, 1001);
  await revoke(0);
  assert.equal(world.documentRequests.length, 1001, "used lately, so it is still there");
  await revoke(1);
  assert.equal(world.documentRequests.length, 1002, "used least lately, so it went");
});

Deno.test("a document that cannot be had now ends no grant", async () => {
  const world = await createWorld();
  publish(world);
  const tokens = await signInByDocument(world);
  const outages: (() => Response)[] = [
    () => new Response(null, { status: 500 }),
    () => new Response(null, { status: 429 }),
    () => {
      throw new UnavailableError("client_metadata_unavailable", "app.example does not answer.");
    },
  ];
  for (const outage of outages) {
    world.advance(10 * MINUTE);
    world.documents.set(CLIENT_ID, outage);
    const response = await refreshByDocument(world, tokens);
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    assert.equal((await response.json()).error, "temporarily_unavailable");
    const { error, message } = await authorize(world);
    assert.equal(error, "invalid_client");
    assert.match(message ?? "", /cannot be had/);
  }
  world.advance(MINUTE);
  publish(world);
  assert.equal((await refreshByDocument(world, tokens)).status, 200);
});

Deno.test("a document that is gone means there is no such client any more", async () => {
  const world = await createWorld();
  publish(world);
  const tokens = await signInByDocument(world);
  world.advance(10 * MINUTE);
  world.documents.delete(CLIENT_ID);
  const response = await refreshByDocument(world, tokens);
  assert.equal(response.status, 401);
  assert.equal((await response.json()).error, "invalid_client");
});

Deno.test("one client's document does not let it touch another's grant", async () => {
  const world = await createWorld();
  publish(world);
  const tokens = await signInByDocument(world);
  const other = "https://app.example/other";
  publish(world, { ...DOCUMENT, client_id: other }, { url: other });
  const stolen = await post(world, "/token", {
    grant_type: "refresh_token",
    client_id: other,
    refresh_token: tokens.refresh_token,
  });
  assert.equal((await stolen.json()).error, "invalid_grant");
  assert.equal((await refreshByDocument(world, tokens)).status, 200);
});

Deno.test("made-up client ids do not make this server call one host without end", async () => {
  const world = await createWorld();
  const statuses = [];
  for (let n = 0; n < 110; n++) {
    const form = { client_id: `https://victim.example/${n}`, token: "x" };
    statuses.push((await post(world, "/revoke", form)).status);
  }
  assert.equal(world.documentRequests.length, 100);
  assert.equal(statuses.filter((status) => status === 429).length, 10);
});
