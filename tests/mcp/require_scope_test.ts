import assert from "node:assert/strict";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { requireScope } from "../../lib/mcp/require_scope.ts";
import { coversScope } from "../../lib/oauth/scopes.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, SERVER } from "../support/world.ts";
import { postBody } from "./support.ts";

let calls = 0;

const definition: McpDefinition = {
  name: "test",
  version: "1",
  register(server) {
    server.registerTool(
      "members",
      { scopeChallenge: requireScope("members:read", "members:list") },
      () => {
        calls++;
        return { content: [{ type: "text", text: "all" }] };
      },
    );
  },
};

// modelcontextprotocol#2349, claude-code#28258: a challenge that clients cannot act on is a loop.
Deno.test("a tool that needs more is answered 403 with all scopes at once, before it runs (RS-17, RS-18, RS-19)", async () => {
  const world = await createWorld({ definition });
  const { tokens } = await signIn(world);
  calls = 0;
  const params = { name: "members", arguments: {} };
  for (
    const refused of [
      await callTool(world, tokens.access_token, "members"),
      // The same by a client of the 2025 revisions.
      await postBody(world, tokens.access_token, {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params,
      }),
    ]
  ) {
    assert.equal(refused.status, 403);
    assert.equal(calls, 0);
    const challenge = refused.headers.get("www-authenticate") ?? "";
    assert.match(challenge, /error="insufficient_scope"/);
    assert.match(challenge, /scope="members:read members:list openid profile email"/);
    assert.ok(
      challenge.includes(
        `resource_metadata="${SERVER}/.well-known/oauth-protected-resource/mcp"`,
      ),
    );
  }
});

Deno.test("with the permissions granted the tool runs", async () => {
  const world = await createWorld({ definition });
  world.emulator.directory.setPermissions("admin", ["members:*"]);
  const { tokens } = await signIn(world, {
    scope: "openid profile email members:read members:list",
  });
  assert.equal(tokens.scope, "openid profile email members:read members:list");
  assert.equal((await callTool(world, tokens.access_token, "members")).status, 200);
});

Deno.test("with a broader permission granted the tool runs too (RS-12)", async () => {
  const world = await createWorld({ definition });
  world.emulator.directory.setPermissions("admin", ["members:*"]);
  const { tokens } = await signIn(world, { scope: "openid profile email members:*" });
  assert.equal(tokens.scope, "openid profile email members:*");
  assert.equal((await callTool(world, tokens.access_token, "members")).status, 200);
});

Deno.test("what the first challenge names is enough for every tool of the example (RS-20)", async () => {
  const world = await createWorld();
  const challenge = (await callTool(world, undefined, "echo")).headers.get("www-authenticate");
  const scope = /scope="([^"]*)"/.exec(challenge ?? "")?.[1] ?? "";
  const { tokens } = await signIn(world, { scope });
  const attempts: [string, Record<string, unknown>][] = [["echo", { message: "x" }], [
    "whoami",
    {},
  ]];
  for (const [name, args] of attempts) {
    assert.equal((await callTool(world, tokens.access_token, name, args)).status, 200, name);
  }
});

// fastmcp 3bea192c8: the scopes a client asked for counted as granted.
Deno.test("a permission the person lacks is not granted, however it was asked for", async () => {
  const world = await createWorld({ definition });
  const { tokens } = await signIn(world, {
    email: "bob@acme.test",
    scope: "openid profile email members:read members:*",
  });
  assert.equal(tokens.scope, "openid profile email");
});

Deno.test("a permission taken away at WorkOS leaves the token at the next renewal", async () => {
  const world = await createWorld();
  const { tokens, clientId: _ } = await signIn(world, {
    scope: "openid profile email members:read",
  });
  world.emulator.directory.setPermissions("admin", []);
  world.advance(6 * 60_000);
  const answer = await (await callTool(world, tokens.access_token, "whoami")).json();
  assert.deepEqual(answer.result.structuredContent.scopes, ["openid", "profile", "email"]);
});

Deno.test("a broader scope implies the narrower ones, and nothing else does (RS-12)", () => {
  assert.ok(coversScope(["members:*"], "members:read"));
  assert.ok(coversScope(["members:read"], "members:read"));
  assert.ok(!coversScope(["members:read"], "members:*"));
  assert.ok(!coversScope(["members:*"], "membership:read"));
  assert.ok(!coversScope(["members"], "members:read"));
  assert.ok(!coversScope([], "openid"));
});

Deno.test("a register function that throws is an error in the log, with its stack", async () => {
  const world = await createWorld({
    definition: {
      name: "test",
      version: "1",
      register() {
        throw new Error("my own mistake");
      },
    },
  });
  const { tokens } = await signIn(world);
  assert.equal((await callTool(world, tokens.access_token, "x")).status, 500);
  assert.ok(world.logs.some((line) => /"ERROR".*my own mistake.*require_scope_test/.test(line)));
});
