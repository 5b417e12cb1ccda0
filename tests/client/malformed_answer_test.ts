import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import type { ConnectOptions } from "../../lib/client/context.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { listTools } from "../../lib/client/tools.ts";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, send } from "./support.ts";

const foreign: [string, () => Response, RegExp][] = [
  ["JSON", () => Response.json({ hello: "world" }), /with JSON of another kind\./],
  ["null", () => Response.json(null), /with JSON of another kind\./],
  ["half a message", () => Response.json({ jsonrpc: "2.0", id: 1 }), /with JSON of another kind\./],
  [
    "half a document",
    () => new Response("{", { headers: { "content-type": "application/json" } }),
    /with JSON that breaks off, or is none\./,
  ],
  ["a text", () => new Response("hello"), /with neither JSON nor a stream of events\./],
  ["nothing", () => new Response(null, { status: 204 }), /with neither JSON nor a stream/],
];
for (const [name, answer, message] of foreign) {
  Deno.test(`an address that answers ${name} does not speak MCP, and is said not to`, async () => {
    const { context } = createTestClient(createFakeServer(), {
      fetch: () => Promise.resolve(answer()),
    });
    await assert.rejects(connect("http://localhost:8000/mcp", context), (error) => {
      assert(error instanceof CommandError);
      assert.equal(error.code, "not_mcp");
      assert.match(error.message, message);
      return true;
    });
  });
}

/** Lists the tools of a server whose answer to that is made by the test. */
async function listFrom(server: FakeServer, answer: (id: unknown) => unknown): Promise<void> {
  server.faults.open = true;
  const fetch: ConnectOptions["fetch"] = async (input, init) => {
    const message = JSON.parse(String(init?.body ?? "{}"));
    return message.method === "tools/list"
      ? Response.json(answer(message.id))
      : await server.fetch(input, init);
  };
  const connection = await connect(server.url, createTestClient(server, { fetch }).context);
  try {
    await listTools(connection);
  } finally {
    await connection.close();
  }
}

const results: [string, unknown, RegExp][] = [
  ["another shape", { tools: "x" }, /in the result for tools\/list: tools\. Tell/],
  [
    "a member of another shape",
    { tools: [{ name: 1 }] },
    /: tools\.0\.name, tools\.0\.inputSchema\./,
  ],
];
for (const [name, result, message] of results) {
  Deno.test(`a result of ${name} is one sentence, without the schema's words`, async () => {
    const server = createFakeServer();
    server.faults.legacyOnly = true;
    await assert.rejects(listFrom(server, (id) => ({ jsonrpc: "2.0", id, result })), {
      code: "invalid_result",
      message,
    });
  });
}

Deno.test("a result that lacks what MCP 2026-07-28 demands is explained in the SDK's words", async () => {
  const answer = (id: unknown) => ({ jsonrpc: "2.0", id, result: { tools: [] } });
  await assert.rejects(listFrom(createFakeServer(), answer), {
    code: "invalid_result",
    message: /missing required resultType/,
  });
});

Deno.test("an answer that is no message, in the middle of a connection, is one sentence", async () => {
  await assert.rejects(listFrom(createFakeServer(), () => ({ hello: "world" })), {
    code: "not_mcp",
  });
});

Deno.test("a web page in place of an OAuth error at a refresh is one sentence", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.expireAccessTokens();
  server.faults.tokenAnswers.push(() => new Response("<html>secret=1", { status: 400 }));
  await assert.rejects(send(context), {
    code: "invalid_answer",
    exitCode: ExitCode.unreachable,
    message: "The authorization server answered HTTP 400 with something else than OAuth has for " +
      "that, perhaps a web page. Try again later, or tell whoever runs it.",
  });
});

const endpoints: [string, number, () => Response, RegExp][] = [
  [
    "/register",
    201,
    () => Response.json({}, { status: 201 }),
    /wrong in it: redirect_uris, client_id\. Tell/,
  ],
  ["/token", 200, () => Response.json({}), /wrong in it: access_token, token_type\. Tell/],
  ["/token", 200, () => new Response("<html>"), /it is not JSON but perhaps a web page\. Tell/],
];
for (const [path, status, answer, message] of endpoints) {
  Deno.test(`${path} that answers ${status} with something else is one sentence`, async () => {
    const server = createFakeServer();
    const { context } = createTestClient(server, {
      fetch: (input, init) =>
        new URL(input).pathname === path ? Promise.resolve(answer()) : server.fetch(input, init),
    });
    await assert.rejects(send(context), { code: "invalid_answer", message });
  });
}
