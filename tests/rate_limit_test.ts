import assert from "node:assert/strict";
import { RateLimitedError } from "../lib/errors.ts";
import { createAddressLimiter, createRateLimiter, findClientAddress } from "../lib/rate_limit.ts";
import { authorizationUrl, createPkce, REDIRECT_URI } from "./support/oauth_client.ts";
import { createWorld, SERVER, type World } from "./support/world.ts";

function register(world: World, peer: string, headers: Record<string, string> = {}) {
  return world.app.fetch(
    new Request(`${SERVER}/register`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
    }),
    peer,
  );
}

Deno.test("a burst is allowed, then it is one at a time, for each address", () => {
  let time = 0;
  const use = createRateLimiter({ burst: 3, perMinute: 6 }, () => time);
  for (let i = 0; i < 3; i++) use("192.0.2.1");
  assert.throws(
    () => use("192.0.2.1"),
    (error) => error instanceof RateLimitedError && error.retryAfter === 10,
  );
  use("192.0.2.2");
  time += 10_000;
  use("192.0.2.1");
  assert.throws(() => use("192.0.2.1"), RateLimitedError);
});

Deno.test("refused attempts do not prolong the wait", () => {
  let time = 0;
  const use = createRateLimiter({ burst: 1, perMinute: 60 }, () => time);
  use("a");
  for (let i = 0; i < 9; i++) {
    time += 100;
    assert.throws(() => use("a"), RateLimitedError);
  }
  time += 100;
  use("a");
});

Deno.test("an IPv6 network of one customer counts as one address", () => {
  const use = createAddressLimiter({ burst: 1, perMinute: 1 }, () => 0);
  use("2001:db8:1:2::1");
  assert.throws(() => use("2001:db8:1:2:ffff::9"), RateLimitedError);
  assert.throws(() => use("2001:0DB8:0001:0002:0:0:0:3"), RateLimitedError);
  use("2001:db8:1:3::1");
});

Deno.test("the client's address is found behind the operator's own proxies only", () => {
  const find = (forwarded: string | undefined, hops: number) =>
    findClientAddress(
      new Request("http://x", { headers: forwarded ? { "x-forwarded-for": forwarded } : {} }),
      "10.0.0.1",
      hops,
    );
  assert.equal(find("203.0.113.9", 0), "10.0.0.1", "nobody else is believed");
  assert.equal(find("203.0.113.9", 1), "203.0.113.9");
  assert.equal(find("spoofed, 203.0.113.9", 1), "203.0.113.9");
  assert.equal(find("spoofed, 203.0.113.9, 10.0.0.2", 2), "203.0.113.9");
  assert.equal(find("203.0.113.9:4711", 1), "203.0.113.9");
  assert.equal(find("[2001:db8::9]:4711", 1), "2001:db8::9");
  assert.equal(find(undefined, 1), "10.0.0.1");
  assert.equal(find("203.0.113.9", 5), "10.0.0.1", "it did not come through five");
});

Deno.test("made-up events from one address are 429 after a while, and WorkOS is heard from another", async () => {
  const world = await createWorld({
    env: { TRUSTED_PROXY_HOPS: "1", WORKOS_WEBHOOK_SECRET: "whsec_emulator" },
  });
  const from = async (address: string, signature: string) => {
    const response = await world.fetch(`${SERVER}/webhooks/workos`, {
      method: "POST",
      headers: { "x-forwarded-for": address, "workos-signature": signature },
      body: "{}",
    });
    await response.body?.cancel();
    return response.status;
  };
  const forged = `t=${world.now()}, v1=00`;
  for (let i = 0; i < 1200; i++) assert.equal(await from("203.0.113.1", forged), 400);
  const written = world.logs.filter((line) => line.includes("event_refused")).length;
  assert.equal(await from("203.0.113.1", forged), 429);
  assert.equal(await from("203.0.113.2", world.emulator.signWebhook("{}")), 400, "it is no event");
  const later = world.logs.filter((line) => line.includes("event_refused"));
  assert.deepEqual(later.slice(written).map((line) => JSON.parse(line).properties.reason), [
    "malformed",
  ]);
  world.advance(50);
  assert.equal(await from("203.0.113.1", world.emulator.signWebhook("{}")), 400);
});

Deno.test("too many registrations from one address are 429 with Retry-After, others go on", async () => {
  const world = await createWorld({ env: { TRUSTED_PROXY_HOPS: "1" } });
  const from = (address: string) => register(world, "10.0.0.1", { "x-forwarded-for": address });
  for (let i = 0; i < 100; i++) assert.equal((await from("203.0.113.1")).status, 201);
  const refused = await from("203.0.113.1");
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "3");
  assert.equal((await refused.json()).error, "too_many_requests");
  assert.equal((await from("203.0.113.2")).status, 201);
  world.advance(3000);
  assert.equal((await from("203.0.113.1")).status, 201);
});

Deno.test("too many authorizations from one address get a page that says when to go on", async () => {
  const world = await createWorld();
  const { client_id } = await (await register(world, "192.0.2.1")).json();
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  const open = () => world.fetch(url, { headers: { accept: "text/html" } });
  for (let i = 0; i < 300; i++) assert.equal((await open()).status, 200);
  const refused = await open();
  assert.equal(refused.status, 429);
  assert.match(await refused.text(), /Try again in 1 seconds/);
});
