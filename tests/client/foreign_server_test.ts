import assert from "node:assert/strict";
import { runTools } from "../../lib/client/commands/tools.ts";
import { ExitCode } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { runCommand } from "./commands/support.ts";
import { diagnose } from "./doctor_support.ts";
import { createTestClient } from "./support.ts";

const page = (status: number) =>
  new Response("<h1>", { status, headers: { "content-type": "text/html" } });
const answers: [string, () => Response][] = [
  ["a web page", () => page(200)],
  ["a web page that says 404", () => page(404)],
  ["404", () => new Response("not here", { status: 404 })],
  ["405 without a word", () => new Response(null, { status: 405 })],
  ["JSON of another kind", () => Response.json({ hello: "world" })],
  ["a redirect elsewhere", () => Response.redirect("https://login.example/start", 302)],
];
for (const [name, answer] of answers) {
  Deno.test(`for ${name} in place of an MCP server every command ends with 4`, async () => {
    const server = createFakeServer();
    const { context } = createTestClient(server, { fetch: () => Promise.resolve(answer()) });
    const { code, stderr } = await runCommand(runTools, ["tools", server.url], context);
    assert.equal(code, ExitCode.unreachable);
    assert.match(stderr, /^Error: [^\n]*[.?]\n$/);
    const { exitCode } = await diagnose(server, { lies: { "/mcp": answer } });
    assert.equal(exitCode, ExitCode.unreachable);
  });
}

Deno.test("what a server says beside a status is a sentence of its own", async () => {
  for (const words of ["not here", "not here."]) {
    const { context } = createTestClient(createFakeServer(), {
      fetch: () => Promise.resolve(new Response(words, { status: 404 })),
    });
    const { stderr } = await runCommand(runTools, ["tools", "http://localhost:8000/mcp"], context);
    assert.match(stderr, /HTTP 404: not here\. Is this the address of an MCP endpoint\?/);
  }
});
