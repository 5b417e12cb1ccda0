/** What goes in and out of `/mcp`: methods, content types, notifications, errors, cancellation. */

import assert from "node:assert/strict";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { testNeeding } from "../support/needs.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";
import { failureOf, postBody, readEvents, send } from "./support.ts";

async function prepare(definition?: McpDefinition) {
  const world = await createWorld(definition ? { definition } : {});
  return { world, token: (await signIn(world)).tokens.access_token };
}

Deno.test("one path takes every message by POST (TR-1)", async () => {
  const { world, token } = await prepare();
  for (const method of ["server/discover", "tools/list", "resources/list"]) {
    assert.equal((await send(world, token, { method })).status, 200, method);
  }
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "x", version: "1" },
    },
  };
  assert.equal((await postBody(world, token, initialize)).status, 200);
  for (const path of ["/", "/sse", "/messages", "/mcp/", "/mcp/message"]) {
    const response = await world.fetch(SERVER + path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(initialize),
    });
    assert.match(String(response.status), /404|405/, path);
  }
});

Deno.test("a notification is 202 without a body, or an error (TR-3)", async () => {
  const { world, token } = await prepare();
  const notification = { method: "notifications/cancelled", params: { requestId: 7 }, id: null };
  const accepted = await send(world, token, notification);
  assert.equal(accepted.status, 202);
  assert.equal(await accepted.text(), "");
  const headers = { "mcp-method": "notifications/progress" };
  const contradictory = await send(world, token, { ...notification, headers });
  assert.equal(contradictory.status, 400);
  assert.equal((await contradictory.json()).id, null);
  const nameless = await postBody(world, token, { jsonrpc: "2.0", params: {} });
  assert.equal(nameless.status, 400);
});

/** A tool that tells of its progress before it answers, and one that does not. */
const talkative: McpDefinition = {
  name: "test",
  version: "1",
  register(server) {
    server.registerTool("quiet", {}, () => ({ content: [{ type: "text", text: "done" }] }));
    server.registerTool("loud", {}, async (ctx) => {
      const attempts = [
        () =>
          server.server.elicitInput({
            message: "?",
            requestedSchema: { type: "object", properties: {} },
          }),
        () => server.server.createMessage({ messages: [], maxTokens: 1 }),
        () => server.server.listRoots(),
        () => server.server.ping(),
      ];
      const refusals: string[] = [];
      for (const attempt of attempts) {
        await attempt().catch((error: Error) => refusals.push(error.message));
      }
      await ctx.mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken: "p", progress: 1 },
      });
      return { content: [{ type: "text", text: `${refusals.length} of ${attempts.length}` }] };
    });
  },
};

Deno.test("a request is answered by one JSON object or by a stream of events (TR-4)", async () => {
  const { world, token } = await prepare(talkative);
  const object = await callTool(world, token, "quiet");
  assert.equal(object.headers.get("content-type"), "application/json");
  assert.deepEqual((await object.json()).result.content, [{ type: "text", text: "done" }]);
  const stream = await callTool(world, token, "loud");
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  assert.equal((await readEvents(stream)).at(-1)?.id, 1);
});

Deno.test("a stream holds notifications of its request, no request of ours, and ends with the answer (TR-5)", async () => {
  const { world, token } = await prepare(talkative);
  const stream = await callTool(world, token, "loud");
  assert.equal(stream.headers.get("x-accel-buffering"), "no");
  const [progress, answer, ...more] = await readEvents(stream);
  assert.equal(progress?.method, "notifications/progress");
  assert.ok(!("id" in progress));
  assert.match(JSON.stringify(answer?.result), /4 of 4/, "no request could be sent");
  assert.deepEqual(more, []);
});

for (
  const [when, loud] of [["before any answer", false], ["in the middle of a stream", true]] as const
) {
  Deno.test(`a client that goes away ${when} cancels the tool, and nothing follows (TR-6)`, async () => {
    const begun = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const { world, token } = await prepare({
      name: "test",
      version: "1",
      register(server) {
        server.registerTool("patient", {}, async (ctx) => {
          const tell = (progress: number) =>
            ctx.mcpReq.notify({
              method: "notifications/progress",
              params: { progressToken: "p", progress },
            });
          if (loud) await tell(1);
          begun.resolve();
          await new Promise<void>((resolve) => {
            ctx.mcpReq.signal.addEventListener("abort", () => resolve(), { once: true });
          });
          if (loud) await tell(2).catch(() => undefined);
          cancelled.resolve();
          return { content: [{ type: "text", text: "too late" }] };
        });
      },
    });
    const client = new AbortController();
    const pending = send(world, token, {
      method: "tools/call",
      params: { name: "patient", arguments: {} },
      signal: client.signal,
    });
    await begun.promise;
    client.abort();
    await cancelled.promise;
    const text = await (await pending).text();
    assert.equal(text.includes('"progress":1'), loud);
    assert.doesNotMatch(text, /too late|"progress":2/);
  });
}

testNeeding({ net: true }, "over a socket, a closed stream cancels the tool (TR-6)", async () => {
  const cancelled = Promise.withResolvers<void>();
  const { world, token } = await prepare({
    name: "test",
    version: "1",
    register(server) {
      server.registerTool("patient", {}, async (ctx) => {
        ctx.mcpReq.signal.addEventListener("abort", () => cancelled.resolve(), { once: true });
        await ctx.mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken: "p", progress: 1 },
        });
        await cancelled.promise;
        return { content: [] };
      });
    },
  });
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const headers = new Headers(request.headers);
    headers.delete("host");
    const { method, body, signal } = request;
    return world.fetch(`${SERVER}/mcp`, { method, headers, body, signal });
  });
  const remote: World = {
    ...world,
    fetch: (_, init) => fetch(`http://127.0.0.1:${http.addr.port}`, init),
  };
  const response = await callTool(remote, token, "patient");
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await cancelled.promise;
  await http.shutdown();
});

Deno.test("a method that is not offered is 404 with -32601 (TR-9)", async () => {
  const { world, token } = await prepare();
  for (const method of ["no/such", "prompts/list", "initialize", "ping", "logging/setLevel"]) {
    const response = await send(world, token, { method });
    assert.equal(await failureOf(response), "404 -32601", method);
  }
});

Deno.test("errors have codes that the protocol assigns, whatever is wrong (TR-17)", async () => {
  const { world, token } = await prepare({
    name: "test",
    version: "1",
    register(server) {
      server.registerTool("broken", {}, () => {
        throw Object.assign(new Error("not found"), { code: -32002 });
      });
      server.registerResource("broken", "broken://x", {}, () => {
        throw Object.assign(new Error("not found"), { code: -32002 });
      });
    },
  });
  const params = { name: "broken", arguments: {} };
  const answers = await Promise.all([
    send(world, token, { method: "resources/read", params: { uri: "none://x" } }),
    send(world, token, { method: "resources/read", params: { uri: "broken://x" } }),
    send(world, token, { method: "tools/call", params: { ...params, name: "none" } }),
    send(world, token, { method: "tools/call", params }),
    send(world, token, { method: "tools/call", params, headers: { "mcp-name": "other" } }),
    send(world, token, { method: "tools/list", params: { cursor: "made up" } }),
    send(world, token, { method: "tools/list", meta: { clientCapabilities: 1 } }),
    send(world, token, { method: "no/such" }),
    postBody(world, token, "{"),
    postBody(world, token, []),
    postBody(world, token, { jsonrpc: "1.0", id: 1, method: "tools/list" }),
  ]);
  const codes = await Promise.all(answers.map(async (answer) => (await answer.json()).error?.code));
  const assigned = new Set([-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022]);
  for (const code of codes) assert.ok(code === undefined || assigned.has(code), String(code));
  assert.equal(codes[0], -32602, "a resource that is not there");
  assert.ok(codes.filter((code) => code !== undefined).length >= 8);
});

Deno.test("GET and DELETE are 405, and no session or event id means anything (TR-19)", async () => {
  const { world, token } = await prepare();
  const headers = {
    authorization: `Bearer ${token}`,
    accept: "text/event-stream",
    "mcp-session-id": "made-up",
    "last-event-id": "7",
  };
  for (const method of ["GET", "DELETE"]) {
    const response = await world.fetch(`${SERVER}/mcp`, { method, headers });
    assert.equal(response.status, 405, method);
    assert.equal(response.headers.get("allow"), "POST");
  }
  const response = await send(world, token, {
    method: "tools/list",
    headers: { "mcp-session-id": "made-up", "last-event-id": "7" },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("mcp-session-id"), null);
});
