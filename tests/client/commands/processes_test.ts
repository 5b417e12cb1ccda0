/** The commands as a person runs them: processes, files, a terminal. */

import assert from "node:assert/strict";
import { runClient } from "../../support/client_process.ts";
import { createFakeServer, type FakeServer } from "../../support/fake_authorization_server.ts";
import { testNeeding } from "../../support/needs.ts";
import { withTempDirectory } from "../../support/temp_directory.ts";
import { hasTerminals, runInTerminal } from "../../support/terminal.ts";

const NEEDS = { env: true, net: true, read: true, write: true, run: true } as const;

/** Signs in like a person whose session at the authorization server is still good. */
async function browse(url: string): Promise<void> {
  const response = await fetch(url);
  await response.body?.cancel();
}

/** A test with a server on a port and a cache that holds a sign-in to it. */
function testSignedIn(
  name: string,
  fn: (server: FakeServer, cache: string) => Promise<void>,
): void {
  testNeeding(NEEDS, name, () =>
    withTempDirectory(async (cache) => {
      await Deno.chmod(cache, 0o700);
      const address = { hostname: "127.0.0.1", port: 0, onListen() {} };
      const http = Deno.serve(address, (request) => server.handle(request));
      const server: FakeServer = createFakeServer(`http://127.0.0.1:${http.addr.port}`);
      try {
        const { code, stderr } = await runClient(["login", server.url], cache, browse);
        assert.equal(code, 0, stderr);
        await fn(server, cache);
      } finally {
        await http.shutdown();
      }
    }));
}

testSignedIn("tools and call use the sign-in that login kept", async (server, cache) => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runClient(args, cache);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    return stdout;
  };
  assert.match(await run("tools", server.url), /^echo {4}message=string {2}Says it again$/m);
  assert.equal(await run("call", "echo", "message=a b", server.url), "a b\n");
  assert.equal(server.counts.authorizations, 1);
});

testSignedIn("cache list, logout and cache clear find what login kept", async (server, cache) => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-P=client", "client.ts", ...args],
      env: { MCP_CLIENT_CACHE_DIR: cache },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  const [listed] = JSON.parse(await run("cache", "list", "--json"));
  assert.equal(listed.server_url, server.url);
  assert.equal(listed.account, "alice@acme.test");
  assert.ok(Math.abs(listed.last_used_at - Date.now() / 1000) < 60);
  assert.match(await run("logout", server.url), /the sign-in is revoked at/);
  assert.equal(server.revocationRequests.length, 1);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(cache)), []);
  await Deno.writeTextFile(`${cache}/${"0".repeat(64)}.json.corrupt`, "{", { mode: 0o600 });
  await Deno.writeTextFile(`${cache}/notes.json.txt`, "mine", { mode: 0o600 });
  assert.match(await run("cache", "clear"), /^Forgot what could not be read\n/);
  const left = await Array.fromAsync(Deno.readDir(cache));
  assert.deepEqual(left.map(({ name }) => name), ["notes.json.txt"]);
});

testSignedIn("call --input - reads standard input", async (server, cache) => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=client", "client.ts", "call", "echo", "--input", "-", server.url],
    env: { MCP_CLIENT_CACHE_DIR: cache },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();
  await stdin.write(new TextEncoder().encode('{"message":"from a pipe"}'));
  await stdin.close();
  const { stdout } = await child.output();
  assert.equal(new TextDecoder().decode(stdout), "from a pipe\n");
});

testSignedIn("a reader that has enough ends the client without a word", async (server, cache) => {
  server.faults.whoami = () => ({ content: [{ type: "text", text: "x".repeat(1_000_000) }] });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=client", "client.ts", "call", "whoami", server.url],
    env: { MCP_CLIENT_CACHE_DIR: cache },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  assert.equal(await new Response(child.stderr).text(), "");
  assert.equal((await child.status).code, 141);
});

if (hasTerminals()) {
  testSignedIn(
    "a terminal gets colors and its width, and no rest of a status line",
    async (server, cache) => {
      const { code, screen } = await runInTerminal(["tools", server.url], { cache, width: 60 });
      assert.equal(code, 0);
      const [status, result] = screen.split("␛[?7h\r␛[2K");
      assert.equal(status, `\r␛[2K␛[?7lConnecting to ${server.url} …`);
      assert.equal(
        result,
        `␛[2mTOOL    ARGUMENTS       WHAT IT DOES␛[0m
␛[1mwhoami␛[0m                  Tells who you are
␛[1mecho  ␛[0m  message=string  Says it again
`,
      );
      const plain = await runInTerminal(["tools", server.url], { cache, env: { NO_COLOR: "1" } });
      assert.doesNotMatch(plain.screen, /␛\[\d*m/);
    },
  );

  testSignedIn(
    "Ctrl-C during a call ends with 130 and leaves the sign-in whole",
    async (server, cache) => {
      server.faults.registerTools = (mcp) =>
        void mcp.registerTool("hang", {}, async ({ mcpReq }) => {
          const { progressToken = 0 } = mcpReq._meta ?? {};
          await mcpReq.notify({
            method: "notifications/progress",
            params: { progressToken, progress: 1 },
          });
          await new Promise((resolve) => mcpReq.signal.addEventListener("abort", resolve));
          return { content: [] };
        });
      const type = { after: /hang: 1/, keys: "\x03" };
      const { code, screen } = await runInTerminal(["call", "hang", server.url], { cache, type });
      assert.equal(code, 130, screen);
      assert.match(screen, /\r␛\[2K␛\[31mError:␛\[0m Interrupted\.\n$/);
      const names = (await Array.fromAsync(Deno.readDir(cache))).map(({ name }) => name);
      assert.match(names.join(), /^[0-9a-f]{64}\.json$/);
      assert.equal((await runClient(["tools", server.url], cache)).stderr, "");
    },
  );

  testSignedIn("Ctrl-C while standard input is typed ends at once", async (_server, cache) => {
    const { code, screen } = await runInTerminal(["call", "echo", "--input", "-"], {
      cache,
      type: { after: /then press Ctrl-D/, keys: "{\x03" },
    });
    assert.equal(code, 130, screen);
    assert.match(screen, /Interrupted\.\n$/);
  });
}
