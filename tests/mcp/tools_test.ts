/** What tools get, what they cannot get, and what is noticed of them. */

import assert from "node:assert/strict";
import * as z from "zod";
import type { McpDefinition } from "../../lib/mcp/endpoint.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, type World } from "../support/world.ts";
import { postBody } from "./support.ts";

/** A server with these tools and nothing else. */
function define(register: McpDefinition["register"]): McpDefinition {
  return { name: "test", version: "1", register };
}

async function ask(world: World, token: string, name: string, args = {}): Promise<string> {
  return await (await callTool(world, token, name, args)).text();
}

Deno.test("a tool never gets hold of the client's token or cookies (RS-10)", async () => {
  const world = await createWorld({
    definition: define((server, caller) => {
      server.registerTool("tell", {}, ({ http }) => {
        const headers = http?.req?.headers ?? new Headers();
        const walked: string[] = [];
        headers.forEach((value, name) => walked.push(`${name}: ${value}`));
        const seen = {
          caller,
          authInfo: http?.authInfo,
          passedOn: [...new Headers(headers)],
          names: [...headers.keys()],
          values: [...headers.values()],
          walked,
          direct: [headers.get("Authorization"), headers.has("authorization")],
        };
        return { content: [{ type: "text", text: JSON.stringify(seen) }] };
      });
    }),
  });
  const { tokens: { access_token: token } } = await signIn(world);
  const answer = await ask(world, token, "tell");
  const { passedOn, names, values, walked, direct } = JSON.parse(
    JSON.parse(answer).result.content[0].text,
  );
  assert.deepEqual(direct, [null, false]);
  assert.ok(names.includes("mcp-name"), "other headers are there");
  assert.deepEqual(passedOn.map(([name]: string[]) => name), names);
  assert.deepEqual(walked.length, values.length);
  assert.ok(!answer.includes(token));
});

Deno.test("a tool that throws is logged with its stack and named by its grant", async () => {
  const world = await createWorld({
    definition: define((server) => {
      server.registerTool("break", {}, () => {
        throw new RangeError("out of paper");
      });
    }),
  });
  const { tokens } = await signIn(world);
  const answer = await ask(world, tokens.access_token, "break");
  assert.match(answer, /out of paper/);
  const line = world.logs.find((line) => line.includes("tool_failed")) ?? "";
  assert.match(line, /RangeError: out of paper.*tools_test\.ts/);
  assert.match(line, /"name":"break"/);
  assert.match(line, /"grant_id":"[\w-]{16}"/);
});

Deno.test("a schema is converted once, and each caller's own schema counts", async () => {
  let conversions = 0;
  const schema = z.object({ message: z.string() });
  const { jsonSchema } = schema["~standard"];
  const convert = jsonSchema.input;
  Object.assign(jsonSchema, {
    input(options: Parameters<typeof convert>[0]) {
      conversions++;
      return convert(options);
    },
  });
  let registered = schema;
  const world = await createWorld({
    definition: define((server) => {
      server.registerTool("echo", { inputSchema: registered }, ({ message }) => ({
        content: [{ type: "text", text: message }],
      }));
    }),
  });
  const { tokens } = await signIn(world);
  for (let call = 0; call < 3; call++) {
    assert.match(await ask(world, tokens.access_token, "echo", { message: "hello" }), /hello/);
  }
  assert.equal(conversions, 1);
  registered = z.object({ message: z.string().max(1) });
  assert.match(await ask(world, tokens.access_token, "echo", { message: "hello" }), /Too big/);
});

Deno.test("one grant cannot call without end: 429 with Retry-After, and others go on", async () => {
  const world = await createWorld();
  const { tokens: { access_token: busy } } = await signIn(world);
  const { tokens: { access_token: other } } = await signIn(world);
  let last = await postBody(world, busy, {});
  for (let call = 0; last.status !== 429 && call < 2000; call++) {
    last = await postBody(world, busy, {});
  }
  assert.equal(last.status, 429);
  assert.equal(last.headers.get("retry-after"), "1");
  assert.notEqual((await postBody(world, other, {})).status, 429);
  world.advance(1000);
  assert.notEqual((await postBody(world, busy, {})).status, 429);
});

Deno.test("the calls of a batch count one by one", async () => {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  const call = { jsonrpc: "2.0", id: 1, method: "ping" };
  const post = (count: number) =>
    postBody(world, tokens.access_token, Array(count).fill(call), {
      "mcp-protocol-version": "2025-03-26",
    });
  await (await post(1000)).body?.cancel();
  assert.equal((await post(1000)).status, 429);
  assert.notEqual((await post(100)).status, 429);
});

Deno.test("a resource that throws is logged too, and a frozen schema is fine", async () => {
  const schema = z.object({ message: z.string() });
  Object.freeze(schema["~standard"].jsonSchema);
  const world = await createWorld({
    definition: define((server) => {
      server.registerTool("echo", { inputSchema: schema }, ({ message }) => ({
        content: [{ type: "text", text: message }],
      }));
      server.registerResource("gone", "test://gone", {}, () => {
        throw new RangeError("burnt");
      });
    }),
  });
  const { tokens } = await signIn(world);
  assert.match(await ask(world, tokens.access_token, "echo", { message: "hello" }), /hello/);
  const read = { jsonrpc: "2.0", id: 1, method: "resources/read", params: { uri: "test://gone" } };
  await (await postBody(world, tokens.access_token, read)).text();
  assert.ok(world.logs.some((line) => /tool_failed.*burnt/.test(line)));
});
