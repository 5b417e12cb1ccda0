/** Permissions that a tool looks at by itself. */

import assert from "node:assert/strict";
import * as z from "zod";
import { assertPermission } from "../../lib/mcp/require_permission.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

const input = z.object({ all: z.boolean() });

Deno.test("a tool that misses a permission says which, and who can give it", async () => {
  const world = await createWorld({
    definition: {
      name: "Members",
      version: "1",
      register(server, caller) {
        server.registerTool("count", { inputSchema: input }, ({ all }) => {
          if (all) assertPermission(caller, "members:read");
          return { content: [{ type: "text", text: all ? "of all" : "of one" }] };
        });
      },
    },
  });
  const alice = (await signIn(world)).tokens.access_token;
  const bob = (await signIn(world, { email: "bob@acme.test" })).tokens.access_token;
  const call = async (token: string, all: boolean) => {
    const { result } = await (await callTool(world, token, "count", { all })).json();
    return result;
  };
  assert.match((await call(alice, true)).content[0].text, /of all/);
  assert.match((await call(bob, false)).content[0].text, /of one/);
  const refused = await call(bob, true);
  assert.equal(refused.isError, true);
  assert.match(
    refused.content[0].text,
    /needs the permission members:read.*not have in org_acme.*administrator/,
  );
  assert.ok(!world.logs.some((line) => line.includes("tool_failed")), "it is an answer");
});
