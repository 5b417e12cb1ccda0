/** Tokens that were verified before: for how long, and how many, nobody looks at them again. */

import assert from "node:assert/strict";
import { createAuthKitWorld, statusOf } from "../support/authkit_world.ts";
import { testNeeding } from "../support/needs.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";

const SECOND = 1000;

testNeeding(
  PROVIDER_NEEDS,
  "a token that was seen before is not remembered beyond its end",
  async () => {
    await using world = await createAuthKitWorld();
    const token = await world.issue({ exp: Math.floor(world.now() / SECOND) + 20 });
    assert.equal(await statusOf(world, token), 200);
    world.advance(51 * SECOND);
    assert.equal(await statusOf(world, token), 401, "the clocks may differ by half a minute");
  },
);

testNeeding(
  PROVIDER_NEEDS,
  "a thousand tokens are known at once, each for a minute, so that a key is out in time",
  async () => {
    await using world = await createAuthKitWorld();
    const tokens = await Promise.all(
      Array.from({ length: 1001 }, (_, number) => world.issue({ sid: `app_consent_${number}` })),
    );
    const [first = "", second = "", third = ""] = tokens;
    const last = tokens.pop() ?? "";
    for (const token of [...tokens, first, last]) assert.equal(await statusOf(world, token), 200);
    await world.provider.rotateKey();
    world.advance(30 * SECOND);
    assert.equal(await statusOf(world, await world.issue()), 200);
    assert.equal(await statusOf(world, last), 200);
    assert.equal(await statusOf(world, first), 200, "used twice");
    assert.equal(await statusOf(world, second), 401, "the last one took its place");
    assert.equal(await statusOf(world, third), 401, "the new one took its place");
    world.advance(30 * SECOND);
    assert.equal(await statusOf(world, last), 401);
    assert.equal(await statusOf(world, first), 401);
  },
);
