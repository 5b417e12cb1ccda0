/** mcp-remote, which joins clients without OAuth to servers with it, against the server. */

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/client";
import { testNeeding } from "../support/needs.ts";
import { packageArguments } from "../support/package_process.ts";
import { serveWorld } from "../support/served_world.ts";
import { PROCESS_NEEDS } from "../support/server_process.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

testNeeding(
  PROCESS_NEEDS,
  "mcp-remote signs in, lists, calls, and refreshes when the token has expired",
  () =>
    withTempDirectory(async (directory) => {
      // Reads the environment when it is imported.
      const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
      await using served = await serveWorld();
      const person = served.createPerson();
      const transport = new StdioClientTransport({
        command: Deno.execPath(),
        args: packageArguments("mcpRemote", [served.url]),
        // No browser of this machine: `true` is opened, and does nothing.
        env: { ...Deno.env.toObject(), MCP_REMOTE_CONFIG_DIR: directory, BROWSER: "true" },
        stderr: "pipe",
      });
      transport.stderr?.on("data", (text: Uint8Array) => person.read(String(text)));
      const client = new Client({ name: "local", version: "1.0.0" });
      await client.connect(transport);
      const { tools } = await client.listTools();
      assert.ok(tools.some(({ name }) => name === "echo"));
      const callWhoami = async () =>
        JSON.stringify(await client.callTool({ name: "whoami", arguments: {} }));
      assert.match(await callWhoami(), /alice@acme\.test/);

      served.world.advance(16 * 60_000);
      assert.match(await callWhoami(), /alice@acme\.test/);
      assert.equal(await person.countSignIns(), 1);
      await client.close();
    }),
);
