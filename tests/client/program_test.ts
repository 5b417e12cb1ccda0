/** The example of the README, run. */

import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import { toMcpFailure } from "../../lib/client/malformed_answer.ts";
import { createProgramCache, createProgramOptions } from "../../lib/client/program_options.ts";
import { CommandError } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { createTestClient } from "./support.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("a program that has no wishes gets a working client", async () => {
  const server = createFakeServer();
  const { listen, openBrowser, fetch } = createTestClient(server).context;
  const options = createProgramOptions({ listen, openBrowser, fetch });
  const { client, close } = await connect(server.url, options);
  assert.equal((await client.listTools()).tools.length, 2);
  await close();
});

interface Module {
  specifier: string;
  dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
}

testNeeding(
  { read: true, run: true },
  "--help and cache list do not load the MCP SDK",
  async () => {
    for (const entry of ["client.ts", "lib/client/commands/cache.ts"]) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["info", "--json", entry],
        cwd: ROOT,
      }).output();
      const modules: Module[] = JSON.parse(new TextDecoder().decode(stdout)).modules;
      const loaded = new Set([new URL(entry, ROOT).href]);
      for (const specifier of loaded) {
        const dependencies = modules.find((one) => one.specifier === specifier)?.dependencies ?? [];
        for (const { code, isDynamic } of dependencies) {
          if (code && !isDynamic) {
            loaded.add(code.specifier);
          }
        }
      }
      const names = [...loaded];
      assert(names.some((name) => name.includes("zod")), names.join());
      assert.deepEqual(names.filter((name) => name.includes("@modelcontextprotocol")), []);
    }
  },
);

Deno.test("what the README says of failures in the middle of a connection is so", async () => {
  const server = createFakeServer();
  const { listen, openBrowser, fetch } = createTestClient(server).context;
  const options = createProgramOptions({ listen, openBrowser, fetch });
  const { client, close } = await connect(server.url, options);
  await assert.rejects(client.callTool({ name: "nothing" }), (error) => {
    assert(!(error instanceof CommandError));
    assert(toMcpFailure(error) instanceof CommandError);
    return true;
  });
  server.faults.toolScope = "members:read";
  server.faults.grantOnly = "openid";
  await assert.rejects(client.callTool({ name: "whoami" }), (error) => {
    assert(error instanceof CommandError);
    assert.equal(error.code, "insufficient_scope");
    return true;
  });
  await close();
});

testNeeding(
  { read: true, write: true },
  "a program can keep its sign-ins in a directory",
  () =>
    withTempDirectory(async (directory) => {
      const server = createFakeServer();
      const { listen, openBrowser, fetch } = createTestClient(server).context;
      for (let run = 0; run < 2; run++) {
        const cache = createProgramCache(`${directory}/cache`, assert.fail);
        const options = createProgramOptions({ cache, listen, openBrowser, fetch });
        await (await connect(server.url, options)).close();
      }
      assert.equal(server.counts.authorizations, 1);
    }),
);

testNeeding(
  { env: true, net: true, read: true, write: true, run: true },
  "the README's example of a program signs in and lists the tools",
  () =>
    withTempDirectory(async (directory) => {
      const http = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) => server.handle(request),
      );
      const server = createFakeServer(`http://127.0.0.1:${http.addr.port}`);
      const readme = await Deno.readTextFile(new URL("README.md", ROOT));
      const section = readme.slice(readme.indexOf("### Use it from a program"));
      const [, example = ""] = /```ts\n(.*?)```/s.exec(section) ?? [];
      assert.ok(example.includes("http://localhost:8000/mcp"));
      await Deno.writeTextFile(
        `${directory}/program.ts`,
        example.replaceAll('"./lib/', `"${ROOT.href}lib/`)
          .replace("http://localhost:8000/mcp", server.url),
      );
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "--allow-net", "--config", "deno.json", `${directory}/program.ts`],
        cwd: ROOT,
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      let stderr = "";
      let visited: Promise<Response> | undefined;
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        stderr += text;
        const url = /^Sign in at: (.+)\n/m.exec(stderr)?.[1];
        if (url !== undefined) visited ??= fetch(url);
      }
      await (await visited)?.body?.cancel();
      const stdout = await new Response(child.stdout).text();
      await child.status;
      await http.shutdown();
      assert.equal(stdout, "whoami, echo\n", stderr);
    }),
);
