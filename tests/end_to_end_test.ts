/** Server and client as two processes, over sockets and a file cache. */

import assert from "node:assert/strict";
import { createScriptedBrowser } from "../lib/demo/scripted_browser.ts";
import { runClient } from "./support/client_process.ts";
import { testNeeding } from "./support/needs.ts";
import { approve } from "./support/oauth_client.ts";
import { PROCESS_NEEDS, startServerProcess } from "./support/server_process.ts";
import { withTempDirectory } from "./support/temp_directory.ts";

function createBrowser() {
  return createScriptedBrowser({ fetch: (request) => fetch(request, { redirect: "manual" }) });
}

testNeeding(
  PROCESS_NEEDS,
  "a person signs in once; the second run needs no browser",
  () =>
    withTempDirectory(async (cache) => {
      await using server = await startServerProcess();
      const url = `${server.url}/mcp`;
      const first = await runClient([url], cache, async (signInUrl) => {
        const end = await approve(createBrowser(), signInUrl);
        assert.match(end.text, /You are signed in/);
      });
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stdout, /alice@acme\.test/);
      assert.match(first.stdout, /Hello from the MCP client/);

      const second = await runClient([url, "--json"], cache);
      assert.equal(second.code, 0, second.stderr);
      assert.doesNotMatch(second.stderr, /Sign in at/);
      const { results } = JSON.parse(second.stdout);
      assert.equal(results.whoami.structuredContent.user_id, "user_alice");
    }),
);

// fastmcp-ts storage key: a random one for each process, and everything stored was lost with it.
testNeeding(
  PROCESS_NEEDS,
  "tokens outlive a restart of the server",
  () =>
    withTempDirectory(async (cache) => {
      const store = await Deno.makeTempDir();
      const env = { STORE_URL: `sqlite:${store}/store.db` };
      const first = await startServerProcess(env);
      const url = `${first.url}/mcp`;
      const run = await runClient([url], cache, async (signInUrl) => {
        await approve(createBrowser(), signInUrl);
      });
      assert.equal(run.code, 0, run.stderr);
      await first.stop();
      await using second = await startServerProcess({ ...env, WORKOS_BASE_URL: first.url });
      const again = await runClient([`${second.url}/mcp`], cache);
      assert.equal(again.code, 0, again.stderr);
      assert.doesNotMatch(again.stderr, /Sign in at/);
      await second.stop();
      await Deno.remove(store, { recursive: true });
    }),
);

testNeeding(
  PROCESS_NEEDS,
  "a person who denies is told so, with exit code 3",
  () =>
    withTempDirectory(async (cache) => {
      await using server = await startServerProcess();
      const run = await runClient([`${server.url}/mcp`, "--json"], cache, async (signInUrl) => {
        const browser = createBrowser();
        await browser.submit(await browser.visit(signInUrl), { decision: "deny" });
      });
      assert.equal(run.code, 3, run.stderr);
      const error = JSON.parse(run.stderr.trim().split("\n").at(-1) ?? "");
      assert.equal(error.error.code, "access_denied");
    }),
);
