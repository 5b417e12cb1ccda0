import assert from "node:assert/strict";
import * as z from "zod";
import { runConnect } from "../../../lib/client/commands/connect.ts";
import { runTools } from "../../../lib/client/commands/tools.ts";
import { measureWidth } from "../../../lib/client/display_width.ts";
import { createFakeServer } from "../../support/fake_authorization_server.ts";
import { createTestClient } from "../support.ts";
import { runCommand } from "./support.ts";

const nothing = () => ({ content: [] });

Deno.test("the tools are a table, as wide as the terminal", async () => {
  const server = createFakeServer();
  server.faults.registerTools = (mcp) => {
    mcp.registerTool("drop_all", {
      description: "Deletes every table there is,\nwithout a question",
      annotations: { destructiveHint: true },
    }, nothing);
    mcp.registerTool(
      "count",
      { title: "Count things", annotations: { readOnlyHint: true } },
      nothing,
    );
  };
  const { context } = createTestClient(server);
  const { code, stdout } = await runCommand(runTools, ["tools", server.url], context, 66);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `TOOL      ARGUMENTS       EFFECT       WHAT IT DOES
whoami                                 Tells who you are
echo      message=string               Says it again
drop_all                  destructive  Deletes every table there
                                       is, without a question
count                     read-only    Count things
`,
  );
});

Deno.test("what a tool takes is told by name and type, with what can be left away", async () => {
  const server = createFakeServer();
  server.faults.toolNames = [];
  server.faults.registerTools = (mcp) =>
    void mcp.registerTool("paint", {
      inputSchema: z.object({
        color: z.enum(["red", "green"]),
        coats: z.number().int().optional(),
        size: z.union([z.number(), z.string()]),
        extra: z.unknown(),
      }),
    }, nothing);
  const { context } = createTestClient(server);
  const { stdout } = await runCommand(runTools, ["tools", server.url], context);
  assert.match(
    stdout,
    /^paint {2}color=red\|green \[coats=integer\] size=number\|string \[?extra=value/m,
  );
});

Deno.test("tools described in Chinese line up, and fit the terminal", async () => {
  const server = createFakeServer();
  server.faults.toolNames = [];
  server.faults.registerTools = (mcp) => {
    mcp.registerTool("search", { description: "検索 ".repeat(20) }, nothing);
    mcp.registerTool("ping", { description: "応答する" }, nothing);
  };
  const { context } = createTestClient(server);
  for (
    const [run, words] of [[runTools, ["tools", server.url]], [runConnect, [server.url]]] as const
  ) {
    const { stdout } = await runCommand(run, [...words], context, 40);
    const lines = stdout.split("\n").filter((line) => line.includes("検索"));
    const longest = Math.max(...lines.map(measureWidth));
    assert.ok(longest > 30 && longest <= 40, stdout);
  }
});

Deno.test("what a tool is called cannot steer the terminal", async () => {
  const server = createFakeServer();
  server.faults.toolNames = [];
  server.faults.registerTools = (mcp) =>
    void mcp.registerTool("safe", { description: "a\x1b[2J\x9b31mb\u202Ec" }, nothing);
  const { context } = createTestClient(server);
  const { stdout } = await runCommand(runTools, ["tools", server.url], context);
  assert.equal(stdout, "TOOL  WHAT IT DOES\nsafe  a[2J31mbc\n");
});

Deno.test("--json is the list as the server sent it, with the schemas", async () => {
  const server = createFakeServer();
  server.faults.toolNames = ["echo"];
  server.faults.registerTools = (mcp) =>
    void mcp.registerTool("add", { inputSchema: z.object({ a: z.number() }) }, nothing);
  const { context } = createTestClient(server);
  /** Adds to the list what the SDK does not know, in two pages. */
  const fetch: typeof context.fetch = async (input, init) => {
    const response = await context.fetch(input, init);
    const { method, params } = JSON.parse(typeof init?.body === "string" ? init.body : "{}");
    if (method !== "tools/list" || response.status !== 200) return response;
    const [, data = ""] = /^(?:.*data: )?(\{.*\})/s.exec(await response.text()) ?? [];
    const answer = JSON.parse(data);
    const isLast = params.cursor === "next";
    const [echo, add] = answer.result.tools;
    answer.result.tools = isLast ? [{ ...add, "x-cost": { cents: 5 } }] : [echo];
    if (!isLast) answer.result.nextCursor = "next";
    return Response.json(answer);
  };
  const words = ["tools", server.url, "--json"];
  const { stdout } = await runCommand(runTools, words, { ...context, fetch });
  const [echo, add] = JSON.parse(stdout);
  assert.equal(echo.description, "Says it again");
  assert.equal(add.inputSchema.properties.a.type, "number");
  assert.deepEqual(add["x-cost"], { cents: 5 });
});

Deno.test("a server without tools is told so", async () => {
  const server = createFakeServer();
  server.faults.toolNames = [];
  const { context } = createTestClient(server);
  const run = await runCommand(runTools, ["tools", server.url], context);
  assert.equal(run.stdout, "This server has no tools for you.\n");
  const { stdout } = await runCommand(runTools, ["tools", server.url, "--json"], context);
  assert.deepEqual(JSON.parse(stdout), []);
});
