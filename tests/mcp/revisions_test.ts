/** What revision 2026-07-28 asks of every message and answer, and the older ones beside it. */

import assert from "node:assert/strict";
import { inputRequired } from "@modelcontextprotocol/server";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";
import { failureOf, postBody, readEvents, REVISION, send } from "./support.ts";

const definition: McpDefinition = {
  name: "test",
  version: "1.2.3",
  register(server, caller) {
    server.registerTool("ask", {}, () =>
      inputRequired({
        inputRequests: {
          sure: inputRequired.elicit({
            message: "Sure?",
            requestedSchema: { type: "object", properties: {} },
          }),
        },
      }));
    if (caller.scopes.includes("offline_access")) {
      server.registerTool("stay", {}, () => ({ content: [] }));
    }
    server.registerPrompt("greeting", {}, () => ({ messages: [] }));
    server.registerResource("me", "test://me", {}, () => ({
      contents: [{ uri: "test://me", text: caller.userId }],
    }));
  },
};

async function prepare(scope?: string) {
  const world = await createWorld({ definition });
  const { access_token: token } = (await signIn(world, scope ? { scope } : {})).tokens;
  return { world, token };
}

Deno.test("a message without version or capabilities is 400 -32602, one without a client's name is fine (TR-12)", async () => {
  const { world, token } = await prepare();
  for (const name of ["protocolVersion", "clientCapabilities"]) {
    const meta = { [name]: undefined };
    assert.equal(
      await failureOf(await send(world, token, { method: "tools/list", meta })),
      "400 -32602",
    );
  }
  const bare = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  const headers = { "mcp-protocol-version": REVISION, "mcp-method": "tools/list" };
  assert.equal(await failureOf(await postBody(world, token, bare, headers)), "400 -32602");
  const anonymous = { method: "tools/list", meta: { clientInfo: undefined } };
  assert.equal((await send(world, token, anonymous)).status, 200);
});

Deno.test("a tool that asks a client who cannot answer is 400 -32021 with what it takes (TR-13)", async () => {
  const { world, token } = await prepare();
  const call = { method: "tools/call", params: { name: "ask", arguments: {} } };
  const refused = await send(world, token, call);
  assert.equal(refused.status, 400);
  const { error } = await refused.json();
  assert.equal(error.code, -32021);
  assert.deepEqual(error.data.requiredCapabilities, { elicitation: { form: {} } });
  const meta = { clientCapabilities: { elicitation: { form: {} } } };
  const { result } = await (await send(world, token, { ...call, meta })).json();
  assert.equal(result.resultType, "input_required");
  assert.equal(result.inputRequests.sure.method, "elicitation/create");
});

Deno.test("server/discover says what is spoken, what is offered and who answers (TR-14)", async () => {
  const { world, token } = await prepare();
  const { result } = await (await send(world, token, { method: "server/discover" })).json();
  assert.deepEqual(result.supportedVersions, [REVISION]);
  assert.deepEqual(Object.keys(result.capabilities).sort(), ["prompts", "resources", "tools"]);
  assert.deepEqual(result._meta["io.modelcontextprotocol/serverInfo"], {
    name: "test",
    version: "1.2.3",
  });
  assert.ok(result.ttlMs >= 0);
  assert.equal(result.cacheScope, "private");
});

Deno.test("results say what they are, and lists how long and for whom they hold (TR-15)", async () => {
  const { world, token } = await prepare();
  const cacheable = [
    { method: "server/discover" },
    { method: "tools/list" },
    { method: "prompts/list" },
    { method: "resources/list" },
    { method: "resources/templates/list" },
    { method: "resources/read", params: { uri: "test://me" } },
  ];
  for (const message of cacheable) {
    const { result } = await (await send(world, token, message)).json();
    assert.equal(result.resultType, "complete", message.method);
    assert.ok(Number.isInteger(result.ttlMs) && result.ttlMs >= 0, message.method);
    // Tools and resources may differ from caller to caller, so no cache may share them.
    assert.equal(result.cacheScope, "private", message.method);
  }
  const { result } = await (await callTool(world, token, "stay")).json();
  assert.equal(result.resultType, "complete");
});

async function listTools(world: World, token: string): Promise<string[]> {
  const { result } = await (await send(world, token, { method: "tools/list" })).json();
  return result.tools.map(({ name }: { name: string }) => name);
}

Deno.test("a request needs none before it; tools vary by what was granted and by nothing else (TR-16)", async () => {
  const { world, token } = await prepare();
  const narrow = (await signIn(world, { scope: "openid profile email" })).tokens.access_token;
  assert.equal((await callTool(world, token, "stay")).status, 200, "the very first request");
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await listTools(world, token), ["ask", "stay"]);
    assert.deepEqual(await listTools(world, narrow), ["ask"]);
  }
});

function legacy(method: string, params: Record<string, unknown> = {}) {
  return { jsonrpc: "2.0", id: 1, method, params };
}

Deno.test("the message decides: _meta is answered without state, initialize as the revision it names (TR-20)", async () => {
  const { world, token } = await prepare();
  for (const protocolVersion of ["2025-11-25", "2025-06-18", "2025-03-26"]) {
    const clientInfo = { name: "old", version: "1" };
    const body = legacy("initialize", { protocolVersion, capabilities: {}, clientInfo });
    const [answer] = await readEvents(await postBody(world, token, body));
    const result = answer?.result as { protocolVersion: string; serverInfo: unknown };
    assert.equal(result.protocolVersion, protocolVersion);
    assert.deepEqual(result.serverInfo, { name: "test", version: "1.2.3" });
    const headers = { "mcp-protocol-version": protocolVersion };
    const done = { jsonrpc: "2.0", method: "notifications/initialized" };
    assert.equal((await postBody(world, token, done, headers)).status, 202);
    const [list] = await readEvents(await postBody(world, token, legacy("tools/list"), headers));
    assert.ok(!JSON.stringify(list).includes("resultType"), "older clients get older results");
    assert.deepEqual(await listTools(world, token), ["ask", "stay"]);
  }
  // The 2025-03-26 revision had no such header.
  assert.equal((await postBody(world, token, legacy("tools/list"))).status, 200);
  const unknown = { "mcp-protocol-version": "1999-01-01" };
  assert.equal((await postBody(world, token, legacy("tools/list"), unknown)).status, 400);
});
