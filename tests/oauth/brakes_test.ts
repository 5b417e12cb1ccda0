/** What one stranger can make this server do, keep or fetch. */

import assert from "node:assert/strict";
import { createAddressLimiter } from "../../lib/rate_limit.ts";
import { RateLimitedError } from "../../lib/errors.ts";
import { post, register } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

Deno.test("a site with a /48 of IPv6 addresses counts as four, whatever it sends from", () => {
  const use = createAddressLimiter({ burst: 10, perMinute: 1 }, () => 0);
  const attempt = (network: number) => use(`2001:db8:1:${network.toString(16)}::1`);
  for (let network = 0; network < 40; network++) attempt(network);
  assert.throws(() => attempt(41), RateLimitedError);
  use("2001:db8:2::1");
});

Deno.test("a registration keeps no more than eight kilobytes", async () => {
  const world = await createWorld();
  const redirect_uris = Array.from(
    { length: 20 },
    (_, index) => `https://app.example/${index}/${"x".repeat(1000)}`,
  );
  const refused = await register(world, { redirect_uris });
  assert.equal(refused.error, "invalid_client_metadata");
  assert.ok((await register(world, { redirect_uris: redirect_uris.slice(0, 5) })).client_id);
});

Deno.test("one address has only so many documents fetched, under whatever host names", async () => {
  const world = await createWorld({ env: { TRUSTED_PROXY_HOPS: "1" } });
  const ask = (index: number, address: string) =>
    post(world, "/token", {
      grant_type: "refresh_token",
      refresh_token: "x",
      client_id: `https://a${index}.evil.example/client`,
    }, { "x-forwarded-for": address });
  const statuses = [];
  for (let index = 0; index < 150; index++) {
    statuses.push((await ask(index, "203.0.113.1")).status);
  }
  assert.equal(world.documentRequests.length, 100);
  assert.equal(statuses.at(-1), 429);
  await ask(1000, "203.0.113.2");
  assert.equal(world.documentRequests.length, 101);
});
