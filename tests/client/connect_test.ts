import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import { callTool, listTools, renderContent } from "../../lib/client/tools.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient } from "./support.ts";

for (const [era, legacyOnly] of [["modern", false], ["legacy", true]] as const) {
  Deno.test(`connects, signs in and calls a tool of a ${era} server`, async () => {
    const server = createFakeServer();
    server.faults.legacyOnly = legacyOnly;
    const { context, pages, ports, steps } = createTestClient(server);

    const connection = await connect(server.url, context);
    const tools = await listTools(connection);
    const echo = await callTool(connection, "echo", { message: "hello" });
    assert.equal(connection.client.getProtocolEra(), era);
    await connection.close();

    assert.deepEqual(tools.map(({ name }) => name), ["whoami", "echo"]);
    assert.equal(renderContent(echo), "hello");
    assert.equal(server.counts.authorizations, 1);
    assert.deepEqual(pages.map(({ status }) => status), [200]);
    assert.equal(ports.size, 0);
    assert.deepEqual(steps.map(({ name }) => name), [
      "sign_in_needed",
      "discovered",
      "registered",
      "authorization_url",
      "browser_opened",
      "sign_in_awaited",
      "signed_in",
    ]);
  });
}

Deno.test("a second connection needs no sign-in", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await (await connect(server.url, context)).close();
  await (await connect(server.url, context)).close();
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("a server without sign-in is simply used", async () => {
  const server = createFakeServer();
  server.faults.open = true;
  const { context, steps } = createTestClient(server);
  const connection = await connect(server.url, context);
  assert.equal((await listTools(connection)).length, 2);
  await connection.close();
  assert.deepEqual(steps, []);
});

Deno.test("a connection is closed when its authorization has put everything in order", async () => {
  const server = createFakeServer();
  const interrupt = new AbortController();
  const { context } = createTestClient(server, { signal: interrupt.signal });
  const connection = await connect(server.url, context);
  const order = Promise.withResolvers<void>();
  const { exclusive } = context.cache;
  context.cache.exclusive = async (...given) => {
    try {
      return await exclusive(...given);
    } finally {
      await order.promise;
    }
  };
  server.faults.toolScope = "members:read";
  server.faults.tokenAnswers.push(() => {
    interrupt.abort(new CommandError("interrupted", "Interrupted.", 130));
    return Promise.reject(new TypeError("aborted"));
  });
  await assert.rejects(callTool(connection, "whoami", {}));
  let closed = false;
  const closing = connection.close().then(() => {
    closed = true;
  });
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
  assert.equal(closed, false);
  order.resolve();
  await closing;
});

Deno.test("a server that cannot be reached is told from one that refuses", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server, {
    fetch: () => Promise.reject(new TypeError("connection refused")),
  });
  await assert.rejects(connect(server.url, context), (error) => {
    assert(error instanceof CommandError);
    assert.equal(error.code, "unreachable");
    assert.equal(error.exitCode, ExitCode.unreachable);
    return true;
  });
});

Deno.test("a tool that fails is reported with its own words, cleaned", async () => {
  const server = createFakeServer();
  server.faults.whoami = () => ({
    content: [{ type: "text", text: "no such\x1b[2J user" }],
    isError: true,
  });
  const { context } = createTestClient(server);
  const connection = await connect(server.url, context);
  await assert.rejects(callTool(connection, "whoami", {}), {
    code: "tool_failed",
    exitCode: ExitCode.toolFailed,
    message: "whoami failed: no such[2J user",
  });
  await assert.rejects(callTool(connection, "nothing", {}), { exitCode: ExitCode.toolFailed });
  await connection.close();
});

Deno.test("a server of plain http is shown its whole address with https", async () => {
  const { context } = createTestClient(createFakeServer());
  await assert.rejects(connect("http://example.com/a/mcp?b=1#c", context), {
    message: /Use https:\/\/example\.com\/a\/mcp\?b=1 instead\.$/,
  });
});

for (
  const url of [
    "localhost:8000/mcp",
    "ftp://localhost/mcp",
    "http://example.com/mcp",
    "http://a:b@localhost/mcp",
  ]
) {
  Deno.test(`${url} is not accepted as a server`, async () => {
    const { context } = createTestClient(createFakeServer());
    await assert.rejects(connect(url, context), { code: "usage", exitCode: ExitCode.usage });
  });
}
