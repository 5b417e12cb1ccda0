/** What has gone wrong at the protected endpoint elsewhere. */

import assert from "node:assert/strict";
import { ResourceTemplate } from "@modelcontextprotocol/server";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";

/** Posts one message in the protocol of 2025, in which servers may have sessions. */
function sendLegacy(
  world: World,
  token: string | undefined,
  message: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return world.fetch(`${SERVER}/mcp`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-11-25",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }),
  });
}

/** The person a `whoami` names, whatever the answer is wrapped in. */
async function personIn(response: Response): Promise<string | undefined> {
  return /(alice|bob)@acme\.test/.exec(await response.text())?.[1];
}

// CVE-2026-25536: a server object shared by all requests sends answers to whoever comes next.
Deno.test("requests of two people at once are each answered as themselves", async () => {
  const world = await createWorld();
  const alice = await signIn(world, { email: "alice@acme.test" });
  const bob = await signIn(world, { email: "bob@acme.test" });
  const callers = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? alice : bob);
  const whoami = { method: "tools/call", params: { name: "whoami", arguments: {} } };
  const people = await Promise.all(
    callers.map(async ({ tokens: { access_token } }, i) =>
      await personIn(
        await (i % 4 < 2
          ? callTool(world, access_token, "whoami")
          : sendLegacy(world, access_token, whoami)),
      )
    ),
  );
  assert.deepEqual(people, callers.map((caller) => caller === alice ? "alice" : "bob"));
});

// CVE-2026-52869: who knows a session id speaks for whoever began the session.
Deno.test("a session id opens nothing, and none is given out", async () => {
  const world = await createWorld();
  const bob = await signIn(world, { email: "bob@acme.test" });
  const initialize = {
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    },
  };
  const begun = await sendLegacy(world, bob.tokens.access_token, initialize);
  assert.equal(begun.status, 200);
  assert.equal(begun.headers.get("mcp-session-id"), null);
  await begun.text();

  const stolen = { "mcp-session-id": "session-of-alice" };
  const whoami = { method: "tools/call", params: { name: "whoami", arguments: {} } };
  const stranger = await sendLegacy(world, undefined, whoami, stolen);
  assert.equal(stranger.status, 401);
  const thief = await sendLegacy(world, bob.tokens.access_token, whoami, stolen);
  assert.equal(await personIn(thief), "bob");
});

// CVE-2026-52870: tasks of others could be read by their id.
Deno.test("there are no tasks whose ids could be guessed", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  for (const method of ["tasks/get", "tasks/result", "tasks/list", "tasks/cancel"]) {
    const response = await sendLegacy(world, tokens.access_token, {
      method,
      params: { taskId: "1" },
    });
    assert.match(await response.text(), /-32601/, method);
  }
});

// CVE-2026-59950: WebSockets are not bound by CORS, and nobody looked at their origin.
Deno.test("a page elsewhere cannot open a WebSocket, and nobody else can either", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  const open = async (headers: Record<string, string>) => {
    const response = await world.fetch(`${SERVER}/mcp`, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        authorization: `Bearer ${tokens.access_token}`,
        ...headers,
      },
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await open({ origin: "https://evil.example" }), 403);
  assert.equal(await open({}), 405);
});

// fastmcp feaae683a: events kept for one session were replayed into another.
Deno.test("no event is kept to be replayed, whoever asks for it", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  for (const token of [tokens.access_token, undefined]) {
    const response = await world.fetch(`${SERVER}/mcp`, {
      headers: {
        accept: "text/event-stream",
        "mcp-protocol-version": "2025-11-25",
        "last-event-id": "1",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    });
    assert.equal(response.status, token === undefined ? 401 : 405);
    await response.body?.cancel();
  }
});

// CVE-2026-0621: a template with a list in it took exponential time for a URI made for that.
Deno.test("a hostile resource URI is answered, not pondered for ever", async () => {
  const definition: McpDefinition = {
    name: "test",
    version: "1",
    register(server) {
      for (const part of ["{/id*}", "{id*}", "{.id*}", "{#id*}", "{?id*}"]) {
        server.registerResource(
          part,
          new ResourceTemplate(`files://x${part}`, { list: undefined }),
          {},
          ({ href }) => ({ contents: [{ uri: href, text: "" }] }),
        );
      }
    },
  };
  const world = await createWorld({ definition });
  const { tokens } = await signIn(world);
  for (const hostile of [",".repeat(5000), "a,".repeat(5000), "a".repeat(5000)]) {
    for (const start of ["", "/", ".", "?id="]) {
      const response = await sendLegacy(world, tokens.access_token, {
        method: "resources/read",
        params: { uri: `files://x${start}${hostile}/` },
      });
      assert.ok(response.status < 500);
      await response.text();
    }
  }
});

// xmcp: the gate stood before the paths that start like /mcp, in this spelling only.
Deno.test("no other spelling of the path reaches a tool", async () => {
  let calls = 0;
  const world = await createWorld({
    definition: {
      name: "test",
      version: "1",
      register(server) {
        server.registerTool(
          "count",
          {},
          () => ({ content: [{ type: "text", text: `${++calls}` }] }),
        );
      },
    },
  });
  const { tokens } = await signIn(world);
  const init = {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-11-25",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "count", arguments: {} },
    }),
  };
  for (
    const path of [
      "/MCP",
      "/mcp/",
      "//mcp",
      "/mcp/x",
      "/mcpx",
      "/%6dcp",
      "/mcp%2f",
      "/mcp;x",
      "/x/mcp",
    ]
  ) {
    const response = await world.fetch(SERVER + path, init);
    assert.equal(response.status, 404, path);
    await response.body?.cancel();
  }
  assert.equal((await world.fetch(`${SERVER}/x/../mcp?y`, init)).status, 401, "is /mcp itself");
  assert.equal(calls, 0);
  assert.equal((await callTool(world, tokens.access_token, "count")).status, 200);
  assert.equal(calls, 1);
});
