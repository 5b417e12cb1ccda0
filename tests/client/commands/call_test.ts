import assert from "node:assert/strict";
import type { McpServer } from "@modelcontextprotocol/server";
import * as z from "zod";
import { runCall } from "../../../lib/client/commands/call.ts";
import { ExitCode } from "../../../lib/errors.ts";
import { createFakeServer, type FakeServer } from "../../support/fake_authorization_server.ts";
import { createTestClient } from "../support.ts";
import { type CommandRun, runCommand } from "./support.ts";

const paintInput = z.object({
  color: z.enum(["red", "green"]).describe("Which paint"),
  coats: z.number().int().optional(),
  walls: z.array(z.string()).optional(),
});

function registerPaint(mcp: McpServer): void {
  mcp.registerTool(
    "paint",
    { inputSchema: paintInput },
    (input) => ({ content: [{ type: "text", text: JSON.stringify(input) }] }),
  );
}

/** Calls a tool of a server that has `whoami`, `echo` and what the test registers. */
async function call(
  words: string[],
  prepare: (server: FakeServer) => void = () => {},
  width?: number,
): Promise<CommandRun> {
  const server = createFakeServer();
  server.faults.registerTools = registerPaint;
  prepare(server);
  const { context } = createTestClient(server);
  return await runCommand(runCall, ["call", ...words, server.url], context, width);
}

Deno.test("arguments are typed by the tool's schema", async () => {
  const { code, stdout } = await call(["paint", "color=red", "coats=2", "walls=a", "walls=b"]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { color: "red", coats: 2, walls: ["a", "b"] });
});

Deno.test("--input gives all arguments as JSON", async () => {
  const { stdout } = await call(["paint", "--input", '{"color":"green"}']);
  assert.deepEqual(JSON.parse(stdout), { color: "green" });
});

Deno.test("--json prints what the tool answered, with structured content", async () => {
  const { stdout } = await call(["temperature", "--json"], ({ faults }) => {
    faults.registerTools = (mcp) =>
      void mcp.registerTool(
        "temperature",
        { outputSchema: z.object({ degrees: z.number() }) },
        () => ({ content: [], structuredContent: { degrees: 21 } }),
      );
  });
  assert.deepEqual(JSON.parse(stdout).structuredContent, { degrees: 21 });
});

const misuses: [string[], RegExp][] = [
  [["pant"], /no tool "pant"; did you mean "paint"\?/],
  [["paint"], /needs "color" \(one of "red", "green"\): Which paint/],
  [["paint", "color=blue"], /"color" cannot be "blue" \(one of "red", "green"\): Which paint/],
  [["paint", "colour=red"], /no argument "colour"; did you mean "color"\?/],
  [["paint", "color=red", "coats=many"], /"coats" cannot be "many" \(integer\)/],
];
for (const [words, message] of misuses) {
  Deno.test(`"call ${words.join(" ")}" ends with 2 and says why`, async () => {
    const run = await call(words);
    assert.equal(run.code, ExitCode.usage);
    assert.match(run.stderr, message);
    assert.equal(run.stdout, "");
  });
}

const wrongInputs: [string, RegExp][] = [
  ["{}", /needs "color" \(one of "red", "green"\): Which paint\. Add "color" to --input\./],
  ['{"color":"blue"}', /"color" cannot be "blue" \(one of "red", "green"\)/],
  ['{"colour":"red"}', /no argument "colour"; did you mean "color"\?/],
  ['{"color":"red","coats":"2"}', /"coats" cannot be "2" \(integer\)/],
];
for (const [input, message] of wrongInputs) {
  Deno.test(`--input '${input}' is checked like words, and ends with 2`, async () => {
    const run = await call(["paint", "--input", input]);
    assert.equal(run.code, ExitCode.usage);
    assert.match(run.stderr, message);
    assert.equal(run.stdout, "");
  });
}

Deno.test("input that is no object asks nobody to sign in", async () => {
  const run = await call(["paint", "--input", "[]"]);
  assert.equal(run.code, ExitCode.usage);
  assert.match(run.stderr, /^Error: --input has to be a JSON object/);
});

Deno.test("a tool that fails ends with 5, in its own words", async () => {
  const fail = ({ faults }: FakeServer) => {
    faults.whoami = () => ({
      content: [{ type: "text", text: "Nobody.\nReally." }],
      isError: true,
    });
  };
  const run = await call(["whoami"], fail);
  assert.equal(run.code, ExitCode.toolFailed);
  assert.match(run.stderr, /Error: whoami failed: Nobody\.\nReally\.\n$/);
  const json = await call(["whoami", "--json"], fail);
  assert.equal(JSON.parse(json.stderr).error.code, "tool_failed");
  assert.equal(json.code, ExitCode.toolFailed);
  const { content, isError } = JSON.parse(json.stdout);
  assert.deepEqual(content, [{ type: "text", text: "Nobody.\nReally." }]);
  assert.equal(isError, true);
});

Deno.test("a structured result is JSON, without the text that says the same", async () => {
  const structured = { degrees: 21, unit: "C" };
  const { stdout } = await call(["temperature"], ({ faults }) => {
    faults.registerTools = (mcp) =>
      void mcp.registerTool(
        "temperature",
        { outputSchema: z.object({ degrees: z.number(), unit: z.string() }) },
        () => ({
          content: [
            { type: "text", text: "It is 21 degrees." },
            { type: "resource_link", uri: "file:///a.txt", name: "a" },
          ],
          structuredContent: structured,
        }),
      );
  });
  assert.equal(
    stdout,
    `${JSON.stringify(structured, undefined, 2)}\n[resource, file:///a.txt, a]\n`,
  );
});

Deno.test("text is printed, what is not text is named, not dumped", async () => {
  const data = btoa("x".repeat(1000));
  const { stdout } = await call(["show"], ({ faults }) => {
    faults.registerTools = (mcp) =>
      void mcp.registerTool("show", {}, () => ({
        content: [
          { type: "image", mimeType: "image/png", data },
          { type: "audio", mimeType: "audio/wav", data },
          { type: "resource_link", uri: "file:///a.txt", name: "a" },
          {
            type: "resource",
            resource: { uri: "file:///b", mimeType: "text/plain", text: "bb\x1bb" },
          },
          { type: "resource", resource: { uri: "file:///c\x1b[2J", blob: data } },
        ],
      }));
  });
  assert.equal(
    stdout,
    `[image, image/png, 1000 bytes]
[audio, audio/wav, 1000 bytes]
[resource, file:///a.txt, a]
bbb
[resource, file:///c[2J, 1000 bytes]
`,
  );
});

/** A server whose tool reports twice before it is done. */
function reportProgress({ faults }: FakeServer): void {
  faults.registerTools = (mcp) =>
    void mcp.registerTool("work", {}, async ({ mcpReq }) => {
      const { progressToken } = mcpReq._meta ?? {};
      assert.ok(progressToken !== undefined);
      for (const progress of [1, 2]) {
        await mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress, total: 4, message: `step ${progress}` },
        });
      }
      return { content: [{ type: "text", text: "done" }] };
    });
}

Deno.test("progress is a line each where lines cannot be written over", async () => {
  const { stdout, stderr } = await call(["work"], reportProgress);
  assert.equal(stdout, "done\n");
  assert.equal(stderr, "work: 25 % (1 of 4) step 1\nwork: 50 % (2 of 4) step 2\n");
});

Deno.test("progress is one line on a terminal, gone before the result", async () => {
  const { stderr } = await call(["work"], reportProgress, 80);
  const screen = stderr.replaceAll("\x1b", "␛");
  assert.match(screen, /\r␛\[2K␛\[\?7lwork: 25 %[^\n]*\r␛\[2K.*50 %[^\n]*\r␛\[2K$/);
});
