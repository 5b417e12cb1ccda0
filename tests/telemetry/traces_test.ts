/** What traces tell, and what they never tell. */

import assert from "node:assert/strict";
import { ProtocolError } from "@modelcontextprotocol/server";
import * as z from "zod";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { postBody, send } from "../mcp/support.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { type RecordedSpan, recordTelemetry } from "../support/recorded_telemetry.ts";
import { createWorld, SERVER, type WorldOptions } from "../support/world.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;

/** A world with somebody signed in, and the spans since. */
async function createTracedWorld(options: WorldOptions = {}) {
  const { telemetry, spans, counts } = recordTelemetry();
  const world = await createWorld({ ...options, telemetry });
  const { tokens: { access_token: token } } = await signIn(world);
  spans.length = 0;
  return { ...world, token, spans, counts };
}

/** Name, and how it went. */
function describe({ name, attributes, status }: RecordedSpan): string {
  const error = attributes["error.type"];
  assert.equal(status === undefined, error === undefined, "an error is one in both places");
  return [name, error].filter((part) => part !== undefined).join(": ");
}

Deno.test("a request is named by its route, and what a stranger makes up is not told", async () => {
  const { spans, app } = await createTracedWorld();
  const attempts: [method: string, path: string, name: string][] = [
    ["GET", "/auth/callback?code=secret-code&state=secret-state", "GET /auth/callback"],
    ["GET", "/secret-path?secret=query", "GET"],
    ["SECRET", "/token", "HTTP /token"],
    ["SECRET", "//secret-path", "HTTP"],
  ];
  for (const [method, path] of attempts) {
    const headers = { "user-agent": "secret-agent", "x-forwarded-for": "198.51.100.7" };
    await app.fetch(new Request(SERVER + path, { method, headers }), "198.51.100.7");
  }
  assert.deepEqual(spans.map(describe), attempts.map(([, , name]) => name));
  assert.doesNotMatch(JSON.stringify(spans), /secret|198\.51/i);
  const [callback, unknown] = spans;
  assert.equal(callback?.attributes["http.route"], "/auth/callback");
  assert.equal(unknown?.attributes["http.route"], undefined);
  assert.equal(unknown?.attributes["http.response.status_code"], 404);
});

Deno.test("the span of a request carries the id that its answer and its lines in the log have", async () => {
  const world = await createTracedWorld();
  const response = await callTool(world, "made-up", "echo");
  const [span] = world.spans;
  const id = response.headers.get("x-request-id");
  assert.deepEqual(span?.attributes["http.response.header.x-request-id"], [id]);
  assert.ok(world.logs.some((line) => line.includes(`"request_id":"${id}"`)));
});

Deno.test("only what this server fails at is an error of a request", async () => {
  const world = await createTracedWorld();
  await callTool(world, "made-up", "echo");
  world.advance(6 * 60_000);
  world.faults.workos = () => new Response(null, { status: 500 });
  await callTool(world, world.token, "echo");
  assert.deepEqual(world.spans.map(describe), [
    "POST /mcp",
    "POST /user_management/authenticate: 500",
    "POST /mcp: 503",
  ]);
});

Deno.test("a request goes on with the trace of whoever sent it", async () => {
  const { spans, fetch } = await createTracedWorld();
  await fetch(`${SERVER}/healthz`, { headers: { traceparent: TRACEPARENT } });
  await fetch(`${SERVER}/healthz`, { headers: { traceparent: "00-secret" } });
  assert.deepEqual(spans.map(({ parent }) => parent?.spanId), [SPAN, undefined]);
});

const definition: McpDefinition = {
  name: "test",
  version: "1",
  register(server) {
    server.registerTool("work", { inputSchema: z.object({ how: z.string() }) }, ({ how }) => {
      if (how === "throw") throw new Error("secret message");
      if (how === "refuse") throw new ProtocolError(-32099, "secret message");
      return { content: [], isError: how === "fail" };
    });
    server.registerPrompt("ask", {}, () => ({ messages: [] }));
  },
};

Deno.test("an MCP request is named by its method and by the tool or prompt that is there", async () => {
  const world = await createTracedWorld({ definition });
  const requests: [method: string, params: Record<string, unknown>, span: string][] = [
    ["tools/list", {}, "tools/list"],
    ["tools/call", { name: "work", arguments: { how: "well" } }, "tools/call work"],
    ["tools/call", { name: "work", arguments: { how: "fail" } }, "tools/call work: tool_error"],
    ["tools/call", { name: "work", arguments: { how: "throw" } }, "tools/call work: tool_error"],
    ["tools/call", { name: "work", arguments: "secret" }, "tools/call work: -32602"],
    ["tools/call", { name: "secret-name" }, "tools/call: -32602"],
    ["prompts/get", { name: "ask" }, "prompts/get ask"],
    ["prompts/get", { name: "secret-name" }, "prompts/get: -32602"],
    ["resources/read", { uri: "secret://uri" }, "resources/read: -32602"],
    ["secret/method", {}, "_OTHER: -32601"],
  ];
  for (const [method, params] of requests) {
    await (await send(world, world.token, { method, params })).body?.cancel();
  }
  const spans = world.spans.filter(({ attributes }) => "mcp.method.name" in attributes);
  assert.deepEqual(spans.map(describe), requests.map(([, , span]) => span));
  assert.doesNotMatch(JSON.stringify([...world.spans, ...world.counts.keys()]), /secret/);
  assert.deepEqual(spans[1]?.attributes, {
    "mcp.method.name": "tools/call",
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "work",
  });
  for (const span of spans) assert.ok(span.parent, "part of the HTTP request");
});

Deno.test("each message of a batch has a span of its own", async () => {
  const world = await createTracedWorld({ definition });
  const batch = ["tools/list", "ping", "prompts/list"].map((method, id) => ({
    jsonrpc: "2.0",
    id,
    method,
  }));
  await (await postBody(world, world.token, batch)).text();
  const names = world.spans.map(describe).filter((name) => name !== "POST /mcp");
  assert.deepEqual(names.sort(), ["ping", "prompts/list", "tools/list"]);
});

Deno.test("an MCP request goes on with the trace in its message, and the HTTP request is linked", async () => {
  const world = await createTracedWorld({ definition });
  const call = (_meta: Record<string, unknown>) => {
    const params = { name: "work", arguments: { how: "well" }, _meta };
    return postBody(world, world.token, { jsonrpc: "2.0", id: 1, method: "tools/call", params });
  };
  for (const traceparent of [TRACEPARENT, "00-secret", 7, ["secret"]]) {
    assert.match(await (await call({ traceparent, baggage: "secret=1" })).text(), /"result"/);
  }
  const [first, ...others] = world.spans.filter(({ name }) => name === "tools/call work");
  const http = world.spans.filter(({ name }) => name === "POST /mcp");
  assert.equal(first?.parent?.spanId, SPAN);
  assert.deepEqual(first?.links.map(({ spanId }) => spanId), [http[0]?.context.spanId]);
  const parents = others.map(({ parent }) => parent?.spanId);
  assert.deepEqual(parents, http.slice(1).map(({ context }) => context.spanId));
  assert.doesNotMatch(JSON.stringify(world.spans), /secret/);
});

Deno.test("a call that its client gives up has a span too", async () => {
  const started = Promise.withResolvers<void>();
  const world = await createTracedWorld({
    definition: {
      ...definition,
      register(server) {
        server.registerTool("wait", {}, async ({ mcpReq }) => {
          started.resolve();
          await new Promise((resolve) => mcpReq.signal.addEventListener("abort", resolve));
          return { content: [] };
        });
      },
    },
  });
  const client = new AbortController();
  const params = { name: "wait", arguments: {} };
  const { token } = world;
  const call = send(world, token, { method: "tools/call", params, signal: client.signal });
  await started.promise;
  client.abort();
  await (await call).text();
  assert.ok(world.spans.map(describe).includes("tools/call wait: cancelled"));
});

Deno.test("calls to WorkOS tell neither whom they are about nor what a failure says", async () => {
  const world = await createTracedWorld();
  await world.directory.findUserIds("secret@acme.test");
  await world.directory.listOrganizations("user_secret");
  world.faults.workos = () => {
    throw new TypeError("error sending request for url (http://x/?email=secret@acme.test)");
  };
  await assert.rejects(world.upstream.revokeSession("session_secret"));
  assert.deepEqual(world.spans.map(describe), [
    "GET /user_management/users",
    "GET /user_management/organization_memberships",
    "POST /user_management/sessions/revoke: TypeError",
  ]);
  assert.doesNotMatch(JSON.stringify([...world.spans, ...world.counts.keys()]), /secret/);
  assert.deepEqual(world.spans[0]?.attributes, {
    "http.request.method": "GET",
    "server.address": "localhost",
    "server.port": 4100,
    "url.template": "/user_management/users",
    "url.full": "http://localhost:4100/user_management/users",
    "http.response.status_code": 200,
  });
});

Deno.test("ids in paths of WorkOS are one word", async () => {
  const { telemetry, spans } = recordTelemetry();
  const fetch = telemetry.traceFetch(() => Promise.resolve(new Response()));
  const paths = {
    "/user_management/users/user_secret": "/user_management/users/{id}",
    "/organizations/org_secret": "/organizations/{id}",
    "/user_management/invitations/by_token/secret": "/user_management/{id}/{id}/{id}",
    "/oauth2/token": "/oauth2/token",
  };
  for (const path of Object.keys(paths)) await fetch(new URL(path, "https://api.workos.com"));
  assert.deepEqual(
    spans.map(({ name }) => name),
    Object.values(paths).map((path) => `GET ${path}`),
  );
  assert.equal(spans[0]?.attributes["server.port"], 443);
});
