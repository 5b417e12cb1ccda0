/** WorkOS renews a session and its answer cannot be verified: nobody may be signed out for that. */

import assert from "node:assert/strict";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";

const RUN_OUT = 6 * 60_000;

/** Spoils the access tokens that WorkOS answers with. */
function spoilTokens(world: World, spoil: (token: string) => string): void {
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    const response = await world.emulator.fetch(request);
    const body = await response.json();
    return Response.json({ ...body, access_token: spoil(body.access_token) });
  };
}

const SPOILED: Record<string, (token: string) => string> = {
  "is signed with a key nobody has": (token) => {
    const [header = "", ...rest] = token.split(".");
    const decode = new TextDecoder().decode(
      Uint8Array.fromBase64(header, { alphabet: "base64url" }),
    );
    const other = JSON.stringify({ ...JSON.parse(decode), kid: "unknown" });
    const encoded = new TextEncoder().encode(other)
      .toBase64({ alphabet: "base64url", omitPadding: true });
    return [encoded, ...rest].join(".");
  },
  "has a wrong signature": (token) => `${token.slice(0, -8)}AAAAAAAA`,
};

for (const [what, spoil] of Object.entries(SPOILED)) {
  Deno.test(`a renewed session whose token ${what} is 503 until it is right again`, async () => {
    const world = await createWorld();
    const { tokens } = await signIn(world);
    world.advance(RUN_OUT);
    spoilTokens(world, spoil);
    for (let time = 0; time < 3; time++) {
      const response = await callTool(world, tokens.access_token, "whoami");
      assert.equal(response.status, 503);
      assert.ok(response.headers.has("retry-after"));
    }
    assert.ok(world.logs.some((line) => line.includes("unverified_renewal")));
    world.faults.workos = undefined;
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  });
}

Deno.test("a session that WorkOS renews for somebody else is 503, and nobody becomes them", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  world.advance(RUN_OUT);
  let bob: Record<string, unknown> = {};
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    const response = await world.emulator.fetch(request);
    bob = await response.clone().json();
    return response;
  };
  await signIn(world, { email: "bob@acme.test" });
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    const { refresh_token } = await (await world.emulator.fetch(request)).json();
    return Response.json({ ...bob, refresh_token });
  };
  for (let time = 0; time < 2; time++) {
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 503);
  }
  assert.ok(world.logs.some((line) => line.includes("another one's token")));
  world.faults.workos = undefined;
  const response = await callTool(world, tokens.access_token, "whoami");
  assert.equal((await response.json()).result.structuredContent.user_id, "user_alice");
});

Deno.test("replicas that wait for a renewal are not served by one that could not be verified", async () => {
  const one = await createWorld();
  const two = await createWorld({ store: one.store, emulator: one.emulator });
  const { tokens } = await signIn(one);
  one.advance(RUN_OUT);
  two.advance(RUN_OUT);
  const spoil = (token: string) => `${token.slice(0, -8)}AAAAAAAA`;
  spoilTokens(one, spoil);
  spoilTokens(two, spoil);
  const answers = await Promise.all(
    [one, two, one, two].map((world) => callTool(world, tokens.access_token, "whoami")),
  );
  assert.deepEqual(answers.map(({ status }) => status), [503, 503, 503, 503]);
  one.faults.workos = undefined;
  assert.equal((await callTool(one, tokens.access_token, "whoami")).status, 200);
});
