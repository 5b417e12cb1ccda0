/** The keys of AuthKit's tokens: fetched when needed, changed, withdrawn, and out of reach. */

import assert from "node:assert/strict";
import { type AuthKitWorld, createAuthKitWorld, statusOf } from "../support/authkit_world.ts";
import { testNeeding } from "../support/needs.ts";
import { callTool } from "../support/oauth_client.ts";
import { PROVIDER_NEEDS } from "../support/oidc_provider.ts";
import { SERVER } from "../support/world.ts";

const SECOND = 1000;
const MINUTE = 60_000;
const DAY = 86_400_000;

/** A token that does not run out while a test moves the clock. */
function issueLasting({ issue, now }: AuthKitWorld): Promise<string> {
  return issue({ exp: Math.floor((now() + 10 * DAY) / SECOND) });
}

/** A token with the id of a key that nobody has. */
function issueMadeUp({ issue }: AuthKitWorld): Promise<string> {
  return issue({}, { kid: crypto.randomUUID() });
}

function countFetches({ provider }: AuthKitWorld): number {
  return provider.calls.filter((call) => call === "GET /jwks").length;
}

testNeeding(PROVIDER_NEEDS, "keys are fetched once, for all who need them at once", async () => {
  await using world = await createAuthKitWorld();
  const tokens = await Promise.all(Array.from({ length: 20 }, () => issueLasting(world)));
  assert.deepEqual(world.provider.calls, []);
  const statuses = await Promise.all(tokens.map((token) => statusOf(world, token)));
  assert.deepEqual(new Set(statuses), new Set([200]));
  world.advance(4 * MINUTE);
  assert.equal(await statusOf(world, await issueLasting(world)), 200);
  assert.deepEqual(world.provider.calls, ["GET /.well-known/openid-configuration", "GET /jwks"]);
});

testNeeding(PROVIDER_NEEDS, "a new key is fetched when a token names it", async () => {
  await using world = await createAuthKitWorld();
  const old = await issueLasting(world);
  assert.equal(await statusOf(world, old), 200);
  await world.provider.rotateKey({ keep: true });
  world.advance(30 * SECOND);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => issueLasting(world)));
  const statuses = await Promise.all(tokens.map((token) => statusOf(world, token)));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(countFetches(world), 2);
  world.advance(9 * MINUTE);
  assert.equal(await statusOf(world, old), 200, "the one before is still published");
});

testNeeding(
  PROVIDER_NEEDS,
  "key ids that somebody makes up cost a fetch in half a minute",
  async () => {
    await using world = await createAuthKitWorld();
    assert.equal(await statusOf(world, await issueLasting(world)), 200);
    const tryMany = async () => {
      const tokens = await Promise.all(Array.from({ length: 20 }, () => issueMadeUp(world)));
      const statuses = await Promise.all(tokens.map((token) => statusOf(world, token)));
      assert.deepEqual(new Set(statuses), new Set([401]));
      assert.equal(await statusOf(world, await issueMadeUp(world)), 401);
    };
    await tryMany();
    world.advance(30 * SECOND - 1);
    await tryMany();
    assert.equal(countFetches(world), 1);
    world.advance(1);
    await tryMany();
    assert.equal(countFetches(world), 2);
    world.advance(30 * SECOND);
    await tryMany();
    assert.equal(countFetches(world), 3);
  },
);

const LIVES: [string, (world: AuthKitWorld, token: string) => Promise<void>][] = [
  ["a server that nobody used meanwhile", ({ advance }) => Promise.resolve(advance(10 * MINUTE))],
  ["a busy server", async (world, token) => {
    for (let second = 0; second < 600; second += 20) {
      await statusOf(world, token);
      world.advance(20 * SECOND);
    }
  }],
];
for (const [which, live] of LIVES) {
  testNeeding(
    PROVIDER_NEEDS,
    `a withdrawn key is not accepted any more ten minutes later, by ${which}`,
    async () => {
      await using world = await createAuthKitWorld();
      const known = await issueLasting(world);
      const unknown = await issueLasting(world);
      assert.equal(await statusOf(world, known), 200);
      await world.provider.rotateKey();
      await live(world, known);
      assert.equal(await statusOf(world, known), 401);
      assert.equal(await statusOf(world, unknown), 401);
      assert.equal(await statusOf(world, await issueLasting(world)), 200);
    },
  );
}

testNeeding(
  PROVIDER_NEEDS,
  "on a busy server nobody waits for the look whether a key was withdrawn",
  async () => {
    await using world = await createAuthKitWorld();
    assert.equal(await statusOf(world, await issueLasting(world)), 200);
    const released = Promise.withResolvers<void>();
    world.provider.faults.answer = async () => {
      await released.promise;
      return Response.json({ keys: [{ kty: "RSA", kid: "other", n: "AA", e: "AQAB" }] });
    };
    for (let minute = 0; minute < 8; minute++) {
      world.advance(MINUTE);
      assert.equal(await statusOf(world, await issueLasting(world)), 200);
    }
    released.resolve();
    let status = 200;
    for (let turn = 0; turn < 500 && status === 200; turn++) {
      status = await statusOf(world, await issueLasting(world));
    }
    assert.equal(status, 401, "it is under way, and soon they know");
    assert.equal(countFetches(world), 2);
  },
);

testNeeding(PROVIDER_NEEDS, "in an outage that is known nobody waits for the keys", async () => {
  await using world = await createAuthKitWorld();
  assert.equal(await statusOf(world, await issueLasting(world)), 200);
  world.provider.faults.answer = () => new Response(null, { status: 500 });
  world.advance(10 * MINUTE);
  assert.equal(await statusOf(world, await issueLasting(world)), 200);
  const answer = Promise.withResolvers<Response>();
  world.provider.faults.answer = () => answer.promise;
  world.advance(5 * SECOND);
  let gaveUp = false;
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (limit) => {
    const signal = timeout(limit);
    signal.addEventListener("abort", () => gaveUp = true);
    return signal;
  };
  try {
    assert.equal(await statusOf(world, await issueLasting(world)), 200);
    assert.equal(gaveUp, false);
  } finally {
    AbortSignal.timeout = timeout;
  }
  const unknown = statusOf(world, await issueMadeUp(world));
  answer.resolve(new Response(null, { status: 500 }));
  assert.equal(await unknown, 503, "unless they cannot do without");
  assert.equal(countFetches(world), 3);
});

const OUTAGES: [string, () => Response][] = [
  ["answer 500", () => new Response("oops", { status: 500 })],
  ["want it slower", () => new Response("{}", { status: 429 })],
  ["are gone", () => new Response("{}", { status: 404 })],
  ["have moved", () => new Response(null, { status: 302, headers: { location: "/keys" } })],
  ["are a page", () => new Response("<html>")],
  ["make no sense", () => Response.json({ keys: "none" })],
  ["are none at all", () => Response.json({ keys: [] })],
];
for (const [what, answer] of OUTAGES) {
  testNeeding(PROVIDER_NEEDS, `while keys ${what}, known ones serve on, for days`, async () => {
    await using world = await createAuthKitWorld();
    const [known, ...others] = await Promise.all(
      Array.from({ length: 40 }, () => issueLasting(world)),
    );
    assert.equal(await statusOf(world, known ?? ""), 200);
    world.provider.faults.answer = (path) => path === "/jwks" ? answer() : undefined;
    world.advance(2 * DAY);
    const statuses = await Promise.all(others.map((token) => statusOf(world, token)));
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal(await statusOf(world, known ?? ""), 200);
    assert.equal(countFetches(world), 2, "and are not asked for by everybody");

    // It may be good and its key new.
    const response = await callTool(world, await issueMadeUp(world), "whoami");
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    assert.equal((await response.json()).error, "temporarily_unavailable");
    assert.equal(countFetches(world), 2);

    await world.provider.rotateKey();
    world.provider.faults.answer = undefined;
    world.advance(5 * SECOND);
    assert.equal(await statusOf(world, await issueLasting(world)), 200);
    world.advance(MINUTE);
    assert.equal(await statusOf(world, known ?? ""), 401);
  });
}

const DOCUMENTS = [
  ["discovery documents", "/.well-known/openid-configuration"],
  ["keys", "/jwks"],
] as const;
for (const [documents, path] of DOCUMENTS) {
  for (const [what, answer] of OUTAGES) {
    const name = `while ${documents} ${what}, a server without keys answers 503, never 401`;
    testNeeding(PROVIDER_NEEDS, name, async () => {
      await using world = await createAuthKitWorld();
      world.provider.faults.answer = (asked) => asked === path ? answer() : undefined;
      for (const token of [await issueLasting(world), await issueMadeUp(world)]) {
        world.advance(5 * SECOND);
        const response = await callTool(world, token, "whoami");
        assert.equal(response.status, 503);
        assert.ok(Number(response.headers.get("retry-after")) > 0);
        assert.equal(response.headers.get("www-authenticate"), null);
        assert.equal((await response.json()).error, "temporarily_unavailable");
      }
      assert.equal((await callTool(world, undefined, "whoami")).status, 401);
      world.provider.faults.answer = undefined;
      world.advance(5 * SECOND);
      assert.equal(await statusOf(world, await issueLasting(world)), 200);
      assert.equal((await world.fetch(`${SERVER}/readyz`)).status, 200);
    });
  }
}

for (const [documents, path] of DOCUMENTS) {
  const name = `while there have never been ${documents}, tokens cost a fetch in five seconds`;
  testNeeding(PROVIDER_NEEDS, name, async () => {
    await using world = await createAuthKitWorld();
    world.provider.faults.answer = (asked) =>
      asked === path ? new Response(null, { status: 500 }) : undefined;
    const countAfter = async (duration: number): Promise<number> => {
      world.advance(duration);
      for (let time = 0; time < 20; time++) {
        assert.equal(await statusOf(world, await issueMadeUp(world)), 503);
      }
      return world.provider.calls.filter((call) => call === `GET ${path}`).length;
    };
    assert.equal(await countAfter(0), 1);
    assert.equal(await countAfter(5 * SECOND - 1), 1);
    assert.equal(await countAfter(1), 2);
  });
}
