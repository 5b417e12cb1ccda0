/** The command line of the MCP Inspector against the server. */

import assert from "node:assert/strict";
import { testNeeding } from "../support/needs.ts";
import { packageArguments } from "../support/package_process.ts";
import { serveWorld } from "../support/served_world.ts";
import { findFreePort, PROCESS_NEEDS } from "../support/server_process.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

testNeeding(
  PROCESS_NEEDS,
  "the MCP Inspector signs in, lists, calls, and refreshes when the token has expired",
  () =>
    withTempDirectory(async (directory) => {
      await using served = await serveWorld();
      const person = served.createPerson();
      const callback = `http://127.0.0.1:${findFreePort()}/oauth/callback`;

      const inspect = async (...words: string[]): Promise<string> => {
        const child = new Deno.Command(Deno.execPath(), {
          args: packageArguments("inspector", [
            "--cli",
            served.url,
            "--transport=http",
            `--callback-url=${callback}`,
            "--format=json",
            ...words,
          ]),
          env: {
            MCP_STORAGE_DIR: directory,
            MCP_CATALOG_PATH: `${directory}/catalog.json`,
            MCP_CLIENT_CONFIG_PATH: `${directory}/client.json`,
            MCP_INSPECTOR_SECRET_STORE: "file",
            MCP_INSPECTOR_SECRET_FILE: `${directory}/secrets.json`,
            // It signs in without a terminal only if it may open a browser: `true` does nothing.
            MCP_AUTO_OPEN_ENABLED: "true",
            BROWSER: "true",
          },
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const stdout = new Response(child.stdout).text();
        let stderr = "";
        for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
          stderr += text;
          person.read(text);
        }
        assert.equal((await child.status).code, 0, stderr);
        return await stdout;
      };

      assert.match(await inspect("--method=tools/list"), /"name":\s*"echo"/);
      const whoami = ["--method=tools/call", "--tool-name=whoami"];
      assert.match(await inspect(...whoami), /alice@acme\.test/);

      served.world.advance(16 * 60_000);
      assert.match(await inspect(...whoami), /alice@acme\.test/);
      assert.equal(await person.countSignIns(), 1);
    }),
);
