/** Headers mirror the message for proxies that do not read it; where the two differ, nothing runs. */

import assert from "node:assert/strict";
import * as z from "zod";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";
import { failureOf, type Message, REVISION, send } from "./support.ts";

const regional = z.object({
  region: z.string().optional().meta({ "x-mcp-header": "Region" }),
  count: z.int().optional().meta({ "x-mcp-header": "Count" }),
  dry: z.boolean().optional().meta({ "x-mcp-header": "Dry" }),
});

async function prepare() {
  const calls: unknown[] = [];
  const definition: McpDefinition = {
    name: "test",
    version: "1",
    register(server) {
      server.registerTool("regional", { inputSchema: regional }, (args) => {
        calls.push(args);
        return { content: [] };
      });
      server.registerTool("größe", {}, () => {
        calls.push("größe");
        return { content: [] };
      });
      server.registerResource("me", "test://me", {}, () => ({ contents: [] }));
      server.registerPrompt("greeting", {}, () => ({ messages: [] }));
    },
  };
  const world = await createWorld({ definition });
  const { access_token: token } = (await signIn(world)).tokens;
  return { calls, send: (message: Message) => send(world, token, message) };
}

const call = (args: Record<string, unknown>, headers: Message["headers"] = {}): Message => ({
  method: "tools/call",
  params: { name: "regional", arguments: args },
  headers,
});

function encode(text: string): string {
  return `=?base64?${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}?=`;
}

Deno.test("the version in the header is the one in the message, or it is 400 -32020 (TR-7)", async () => {
  const { send, calls } = await prepare();
  for (const version of [undefined, "2025-11-25", "2026-07-29"]) {
    const message = call({}, { "mcp-protocol-version": version });
    assert.equal(await failureOf(await send(message)), "400 -32020", version);
  }
  const other = { ...call({}), meta: { protocolVersion: "2026-07-29" } };
  assert.equal(await failureOf(await send(other)), "400 -32020");
  assert.deepEqual(calls, []);
});

Deno.test("a version nobody here speaks is 400 -32022 with those that are spoken (TR-8)", async () => {
  const { send } = await prepare();
  for (const version of ["2099-01-01", "x"]) {
    const response = await send({
      method: "tools/list",
      headers: { "mcp-protocol-version": version },
      meta: { protocolVersion: version },
    });
    assert.equal(response.status, 400);
    const { error } = await response.json();
    assert.equal(error.code, -32022);
    assert.deepEqual(error.data, { supported: [REVISION], requested: version });
  }
});

const targets: Message[] = [
  call({}),
  { method: "resources/read", params: { uri: "test://me" } },
  { method: "prompts/get", params: { name: "greeting" } },
];

Deno.test("method and name in the headers are those in the message, or it is 400 -32020 (TR-10)", async () => {
  const { send, calls } = await prepare();
  for (const message of [...targets, { method: "tools/list" }]) {
    assert.equal((await send(message)).status, 200, message.method);
    for (const name of [undefined, "server/discover", message.method.toUpperCase()]) {
      const refused = await send({ ...message, headers: { "mcp-method": name } });
      assert.equal(await failureOf(refused), "400 -32020", `${message.method} ${name}`);
    }
  }
  calls.length = 0;
  for (const message of targets) {
    const name = String(message.params?.name ?? message.params?.uri);
    const wrong = [undefined, "other", name.toUpperCase(), encode("other"), "=?base64?!?="];
    for (const header of wrong) {
      const refused = await send({ ...message, headers: { "mcp-name": header } });
      assert.equal(await failureOf(refused), "400 -32020", `${message.method} ${header}`);
    }
  }
  const unreadable = { method: "tools/call", params: { name: "größe", arguments: {} } };
  assert.equal(await failureOf(await send(unreadable)), "400 -32020");
  assert.deepEqual(calls, []);
});

Deno.test("a name that does not fit a header comes in Base64 (TR-10)", async () => {
  const { send, calls } = await prepare();
  const params = { name: "größe", arguments: {} };
  const headers = { "mcp-name": encode("größe") };
  assert.equal((await send({ method: "tools/call", params, headers })).status, 200);
  for (const message of targets) {
    const name = String(message.params?.name ?? message.params?.uri);
    const response = await send({ ...message, headers: { "mcp-name": encode(name) } });
    assert.equal(response.status, 200, message.method);
  }
  assert.deepEqual(calls, ["größe", {}]);
});

Deno.test("mirrored parameters are compared with the message before the tool runs (TR-11)", async () => {
  const { send, calls } = await prepare();
  const refused: Message[] = [
    call({ region: "eu" }),
    call({ region: "eu" }, { "mcp-param-region": "us" }),
    call({ region: "eu" }, { "mcp-param-region": "EU" }),
    call({ region: "eu" }, { "mcp-param-region": "=?base64?e?=" }),
    call({ region: "eu" }, { "mcp-param-region": encode("us") }),
    call({ region: "é" }, { "mcp-param-region": "é" }),
    call({ region: "eu", count: 7 }, { "mcp-param-region": "eu" }),
    call({ count: 7 }, { "mcp-param-count": "8" }),
    call({ dry: true }, { "mcp-param-dry": "True" }),
  ];
  for (const message of refused) {
    assert.equal(await failureOf(await send(message)), "400 -32020", JSON.stringify(message));
  }
  assert.deepEqual(calls, []);
  const accepted: Message[] = [
    call({}),
    call({ region: "eu" }, { "mcp-param-region": "eu" }),
    call({ region: "größe" }, { "Mcp-Param-Region": encode("größe") }),
    call({ count: 7, dry: false }, { "mcp-param-count": "7.0", "mcp-param-dry": "false" }),
    call({}, { "mcp-param-unknown": "x" }),
  ];
  for (const message of accepted) {
    assert.equal((await send(message)).status, 200, JSON.stringify(message));
  }
  assert.equal(calls.length, accepted.length);
});
