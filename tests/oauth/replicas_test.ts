/** Several servers with one store, behind a balancer that remembers nobody. */

import assert from "node:assert/strict";
import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, EMULATOR, SERVER, type World } from "../support/world.ts";
import { refresh } from "./support.ts";

/** Two servers that share store and WorkOS; each is asked in turn. */
async function createReplicas(): Promise<World & { answered: number[] }> {
  const first = await createWorld();
  const second = await createWorld({ store: first.store, emulator: first.emulator });
  const worlds = [first, second];
  const answered = [0, 0];
  let turn = 0;
  const fetch: World["fetch"] = async (input, init) => {
    const request = new Request(input, init);
    if (new URL(request.url).origin === EMULATOR) return await first.fetch(request);
    const index = turn++ % worlds.length;
    answered[index] = (answered[index] ?? 0) + 1;
    return await (worlds[index] ?? first).fetch(request);
  };
  const stopAt = (url: string) => ![SERVER, EMULATOR].includes(new URL(url).origin);
  return { ...first, fetch, answered, browser: () => createScriptedBrowser({ fetch, stopAt }) };
}

// fastmcp#2010, fastmcp#2478, fastmcp#482, OSMO#1329: "client not registered", lost transactions.
Deno.test("every step of a sign-in, and of what follows, may meet another replica", async () => {
  const world = await createReplicas();
  const { tokens, clientId } = await signIn(world);
  for (let call = 0; call < 2; call++) {
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  }
  const refreshed = await refresh(world, clientId, tokens.refresh_token);
  assert.equal(refreshed.status, 200);
  const { access_token } = await refreshed.json();
  for (let call = 0; call < 2; call++) {
    assert.equal((await callTool(world, access_token, "whoami")).status, 200);
  }
  assert.ok(Math.min(...world.answered) > 4, `both were asked: ${world.answered}`);
});
