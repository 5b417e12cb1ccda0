/** The authorization server against the MCP conformance suite, through consent and sign-in. */

import assert from "node:assert/strict";
import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { testNeeding } from "../support/needs.ts";
import { approve } from "../support/oauth_client.ts";
import { findFreePort, PROCESS_NEEDS, startServerProcess } from "../support/server_process.ts";
import { findFailures, runSuite } from "./suite.ts";

testNeeding(
  PROCESS_NEEDS,
  "the authorization server passes the scenarios for authorization servers",
  async () => {
    await using server = await startServerProcess();
    const port = findFreePort();
    const registration = await fetch(`${server.url}/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        client_name: "Conformance",
        redirect_uris: [`http://127.0.0.1:${port}/callback`],
        token_endpoint_auth_method: "none",
      }),
    });
    const { client_id: clientId } = await registration.json();

    const browser = createScriptedBrowser({
      fetch: (request) => fetch(request, { redirect: "manual" }),
    });
    let visit: Promise<unknown> | undefined;
    const run = await runSuite([
      "authorization",
      `--url=${server.url}`,
      `--client-id=${clientId}`,
      `--resource=${server.url}/mcp`,
      `--port=${port}`,
    ], (output) => {
      const url = /http:\S+\/authorize\?\S+(?=\s)/.exec(output)?.[0];
      if (url !== undefined) visit ??= approve(browser, url);
    });
    await visit;

    assert.deepEqual([...run].flatMap(([name, result]) => findFailures(name, result)), []);
    assert.deepEqual([...run.keys()].sort(), [
      "authorization-code-grant",
      "authorization-server-metadata-endpoint",
    ]);
  },
);
