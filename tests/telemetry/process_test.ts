/** What a collector gets from a server that people use. */

import assert from "node:assert/strict";
import { testNeeding } from "../support/needs.ts";
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from "../support/otlp_receiver.ts";
import { getSecretWatch } from "../support/secret_watch.ts";
import { type ServerGroup, withServers } from "../support/server_group.ts";
import { PROCESS_NEEDS } from "../support/server_process.ts";
import { ping, refreshTokens, signInByStep } from "../support/sign_in_steps.ts";
import { SERVER } from "../support/world.ts";

type Fetch = ServerGroup["fetch"];

/** A trace and a span that a client has begun. */
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

async function callTool(fetch: Fetch, token: string, name: string, meta = {}): Promise<string> {
  const response = await fetch(
    new Request(`${SERVER}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name, arguments: { message: "made-up words" }, _meta: meta },
      }),
    }),
  );
  return await response.text();
}

/**
 * Signs in, uses what comes of it, and does much that is refused.
 *
 * @returns the client id.
 */
async function useServer(fetch: Fetch): Promise<string> {
  const { clientId, tokens: { access_token: token } } = await signInByStep(fetch);
  const visit = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(new Request(`${SERVER}${path}`, init));
    await response.body?.cancel();
    return response.status;
  };
  const meta = { traceparent: `00-${TRACE}-${SPAN}-01`, baggage: "made=up" };
  assert.match(await callTool(fetch, token, "echo", meta), /made-up words/);
  assert.match(await callTool(fetch, token, "list_organizations"), /org_acme/);
  assert.match(await callTool(fetch, token, "made-up"), /not found/);

  assert.equal((await refreshTokens(fetch, clientId, "made-up")).status, 400);
  assert.equal((await ping(fetch, "made-up")).status, 401);
  assert.equal(await visit("/auth/callback?code=made-up&state=made-up"), 403);
  assert.equal(await visit(`/made-up/${token}?token=${token}`), 404);
  assert.equal(await visit("/register", { headers: { origin: "https://made-up.example" } }), 403);
  return clientId;
}

/** Of the audit log, which writes when it has time to. */
const AUDIT = "/audit_logs/events";

/** The values of a metric that are not 0, a line each. */
function listPoints(receiver: OtlpReceiver, name: string): string[] {
  const lines = receiver.points(name).filter(({ value }) => value > 0).map((point) => {
    const { "server.port": _, ...attributes } = point.attributes;
    const words = Object.entries(attributes).map((entry) => entry.join("=")).sort();
    return [...words, point.value, point.unit].join(" ");
  });
  return lines.filter((line) => !line.includes(AUDIT)).sort();
}

testNeeding(
  PROCESS_NEEDS,
  "a collector gets counters, latencies, active grants and traces, and nothing secret or personal",
  async () => {
    await using receiver = startOtlpReceiver();
    // Fails the test when anything that passed as a secret, or looks like one, is exported.
    getSecretWatch().watchLog(() => receiver.texts, { shapes: true });
    const options = { storeUrl: "memory:", count: 1, env: receiver.env };
    await withServers(options, async ({ fetch, servers: [server] }) => {
      const clientId = await useServer(fetch);
      await receiver.until(() => listPoints(receiver, "workos_mcp.active_grants").length > 0);
      await server?.stop("SIGTERM");

      const exported = receiver.texts.join("");
      for (const word of ["made-up", "made=up", clientId, "org_acme", "redirect_uri="]) {
        assert.ok(!exported.includes(word), word);
      }
      assert.doesNotMatch(exported, /user_(?!management|added|removed)/);
    });

    assert.deepEqual(listPoints(receiver, "workos_mcp.active_grants"), ["1 {grant}"]);
    assert.deepEqual(listPoints(receiver, "workos_mcp.sign_ins"), ["1 {sign_in}"]);
    assert.deepEqual(listPoints(receiver, "workos_mcp.token_refreshes"), [
      "1 {refresh}",
      "error.type=invalid_grant 1 {refresh}",
    ]);
    assert.deepEqual(listPoints(receiver, "workos_mcp.refused_requests"), [
      "error.type=invalid_grant 1 {request}",
      "error.type=invalid_token 1 {request}",
      "error.type=origin_refused 1 {request}",
      "error.type=other_browser 1 {request}",
    ]);
    assert.ok(listPoints(receiver, "http.server.request.duration").length > 0, "of Deno itself");
    assert.deepEqual(listPoints(receiver, "mcp.server.operation.duration"), [
      "error.type=-32602 gen_ai.operation.name=execute_tool mcp.method.name=tools/call " +
      "rpc.response.status_code=-32602 1 s",
      "gen_ai.operation.name=execute_tool gen_ai.tool.name=echo mcp.method.name=tools/call 1 s",
      "gen_ai.operation.name=execute_tool gen_ai.tool.name=list_organizations " +
      "mcp.method.name=tools/call 1 s",
      "mcp.method.name=ping 2 s",
    ]);
    const get = "http.request.method=GET http.response.status_code=200 server.address=127.0.0.1";
    assert.deepEqual(listPoints(receiver, "http.client.request.duration"), [
      // The server asks at start whether its credentials are good, with a code that nobody made.
      "error.type=400 http.request.method=POST http.response.status_code=400 " +
      "server.address=127.0.0.1 url.template=/user_management/authenticate 1 s",
      `${get} url.template=/organizations 2 s`,
      `${get} url.template=/sso/jwks/{id} 1 s`,
      `${get} url.template=/user_management/organization_memberships 1 s`,
      `${get} url.template=/user_management/{id}/.well-known/openid-configuration 1 s`,
      "http.request.method=POST http.response.status_code=200 server.address=127.0.0.1 " +
      "url.template=/user_management/authenticate 1 s",
    ]);

    const { spans } = receiver;
    assert.deepEqual(describeTree(spans), [
      "GET",
      "GET /auth/callback",

      "GET /auth/callback > POST /user_management/authenticate",
      "GET /authorize",
      "GET /organizations",
      "GET /register",
      "GET /sso/jwks/{id}",
      "GET /user_management/{id}/.well-known/openid-configuration",
      "POST /consent",
      "POST /mcp",
      "POST /mcp > ping",
      "POST /mcp > tools/call",
      "POST /mcp > tools/call list_organizations",
      "POST /register",
      "POST /token",
      "POST /user_management/authenticate",
      "a client's span > tools/call echo",
      "tools/call list_organizations > GET /user_management/organization_memberships",
    ]);
    const echo = spans.find(({ name }) => name === "tools/call echo");
    assert.equal(echo?.traceId, TRACE);
    const linked = spans.find(({ spanId }) => spanId === echo?.links[0]?.spanId);
    assert.equal(linked?.name, "POST /mcp");
    const callback = spans.find(({ attributes }) =>
      attributes["http.response.status_code"] === 303
    );
    assert.equal(callback?.kind, 2);
    assert.deepEqual(Object.keys(callback?.attributes ?? {}).sort(), [
      "http.request.method",
      "http.response.header.x-request-id",
      "http.response.status_code",
      "http.route",
      "url.path",
      "url.scheme",
    ]);
  },
);

/** Each kind of span once, under the name of the one it is part of. */
function describeTree(spans: readonly ReceivedSpan[]): string[] {
  const names = new Map([[SPAN, "a client's span"]]);
  for (const { spanId, name } of spans) names.set(spanId, name);
  const lines = spans.map(({ parentSpanId, name }) =>
    [names.get(parentSpanId), name].filter(Boolean).join(" > ")
  );
  return [...new Set(lines)].filter((line) => !line.includes(AUDIT)).sort();
}
