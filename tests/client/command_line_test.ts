import assert from "node:assert/strict";
import { join } from "node:path";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { testNeeding } from "../support/needs.ts";

/** How a run ended. */
interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** What a test does as soon as the sign-in URL is printed. */
type OnSignIn = (url: URL, process: Deno.ChildProcess) => void | Promise<void>;

/** One test's world: a server on a port, and an empty cache directory. */
interface World {
  server: FakeServer;
  cacheDirectory: string;
  /** Runs the command line as a user would. */
  run(
    args: string[],
    options?: { onSignIn?: OnSignIn; env?: Record<string, string> },
  ): Promise<Run>;
}

/** Signs in like a person whose session at the authorization server is still good. */
async function visit(url: URL): Promise<void> {
  const response = await fetch(url);
  await response.body?.cancel();
}

function testCommandLine(name: string, fn: (world: World) => Promise<void>): void {
  testNeeding({ env: true, net: true, read: true, write: true, run: true }, name, async () => {
    const http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => server.handle(request),
    );
    const server: FakeServer = createFakeServer(`http://127.0.0.1:${http.addr.port}`);
    const cacheDirectory = await Deno.makeTempDir();
    await Deno.chmod(cacheDirectory, 0o700);
    try {
      await fn({
        server,
        cacheDirectory,
        run: (args, options = {}) => runClient(args, { ...options, cacheDirectory }),
      });
    } finally {
      await http.shutdown();
      await Deno.remove(cacheDirectory, { recursive: true });
    }
  });
}

async function runClient(
  args: string[],
  { onSignIn = visit, env = {}, cacheDirectory }: {
    onSignIn?: OnSignIn;
    env?: Record<string, string>;
    cacheDirectory: string;
  },
): Promise<Run> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=client", "client.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    env: { MCP_CLIENT_CACHE_DIR: cacheDirectory, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = new Response(process.stdout).text();
  let stderr = "";
  let signedIn: ReturnType<OnSignIn> = undefined;
  for await (const chunk of process.stderr.pipeThrough(new TextDecoderStream())) {
    const before = stderr;
    stderr += chunk;
    const line = /^Sign in at: (.*)\n/m;
    const url = line.test(before) ? undefined : line.exec(stderr)?.[1];
    if (url !== undefined) signedIn = onSignIn(new URL(url), process);
  }
  await signedIn;
  const { code } = await process.status;
  return { code, stdout: await stdout, stderr };
}

testCommandLine("the first run signs in, the second needs no browser", async (world) => {
  const { server, run } = world;
  const first = await run([server.url, "--no-browser"]);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(
    first.stdout,
    `Connected to fake 1.2.3 at ${server.url}
MCP 2026-07-28

Tools
  whoami  Tells who you are
  echo    Says it again

whoami
  alice@acme.test

echo
  Hello from the MCP client
`,
  );
  const second = await run([server.url, "--no-browser"]);
  assert.equal(second.code, 0);
  assert.equal(second.stdout, first.stdout);
  assert.equal(second.stderr, "");
  assert.equal(server.counts.authorizations, 1);
});

testCommandLine("--json prints one JSON document", async ({ server, run }) => {
  const { stdout } = await run(["--json", "--no-browser", "--url", server.url]);
  const result = JSON.parse(stdout);
  assert.equal(result.server.url, server.url);
  assert.deepEqual(result.tools.map(({ name }: { name: string }) => name), ["whoami", "echo"]);
  assert.equal(result.results.echo.content[0].text, "Hello from the MCP client");
});

testCommandLine("a server without the two tools is listed and told so", async ({ server, run }) => {
  server.faults.toolNames = [];
  const { code, stdout } = await run([server.url, "--no-browser"]);
  assert.equal(code, 0);
  assert.match(stdout, /\n\nThis server does not offer whoami and echo\.\n$/);
});

testCommandLine("a wrong word ends with 2, and --json says why on one line", async ({ run }) => {
  const { code, stdout, stderr } = await run(["--json", "frobnicate"]);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  const { error } = JSON.parse(stderr);
  assert.equal(error.code, "usage");
  assert.match(error.message, /"frobnicate" is not a command/);
});

testCommandLine("a declined sign-in ends with 3", async ({ server, run }) => {
  server.faults.redirect = (parameters) => {
    parameters.delete("code");
    parameters.set("error", "access_denied");
  };
  const { code, stderr } = await run([server.url, "--no-browser", "--json"]);
  assert.equal(code, 3);
  const lastLine = stderr.trimEnd().split("\n").at(-1) ?? "";
  assert.equal(JSON.parse(lastLine).error.code, "access_denied");
});

testCommandLine("nobody signing in ends with 3 after --timeout", async ({ server, run }) => {
  const args = [server.url, "--no-browser", "--timeout", "0.1"];
  const { code, stderr } = await run(args, { onSignIn() {} });
  assert.equal(code, 3);
  assert.match(stderr, /Nobody signed in within 0\.1 seconds/);
});

// claude-code#86233, mcp-remote#81, mcpc#269: some servers insist on the name, some on the address.
testCommandLine("--callback-host localhost is what the server sees, and works", async (world) => {
  const { server, run } = world;
  const { code, stderr } = await run([server.url, "--no-browser", "--callback-host", "localhost"]);
  assert.equal(code, 0, stderr);
  const registered = server.registrations[0]?.redirect_uris;
  assert.match(String(registered), /^http:\/\/localhost:\d+\/callback$/);
  assert.equal(server.authorizationRequests[0]?.get("redirect_uri"), String(registered));
});

// context7#7, std#7185: people ask for Deno because a program says what it may do.
testCommandLine(
  "the client may start a browser and no other program",
  async ({ cacheDirectory }) => {
    const script = join(cacheDirectory, "curious.ts");
    await Deno.writeTextFile(script, 'new Deno.Command("sh", { args: ["-c", "id"] }).spawn();');
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-c", "deno.json", "-P=client", script],
      cwd: new URL("../..", import.meta.url),
      stdin: "null",
    }).output();
    assert.notEqual(code, 0);
    assert.match(new TextDecoder().decode(stderr), /Requires run access to "sh"/);
  },
);

testCommandLine("a server that does not run ends with 4", async ({ run }) => {
  const { code, stderr } = await run(["http://127.0.0.1:1/mcp"]);
  assert.equal(code, 4);
  assert.match(stderr, /^Error: http:\/\/127\.0\.0\.1:1 cannot be reached/);
});

testCommandLine("an address that answers JSON of another kind is said to be one", async (world) => {
  const { server, run } = world;
  const url = new URL("/.well-known/oauth-protected-resource/mcp", server.url).href;
  const { code, stderr } = await run([url]);
  assert.equal(code, 4);
  assert.match(
    stderr,
    /^Error: There is a server, but it does not speak MCP .*doctor" looks for it\.\n$/,
  );
});

testCommandLine("a tool that fails ends with 5", async ({ server, run }) => {
  server.faults.whoami = () => ({ content: [{ type: "text", text: "who?" }], isError: true });
  const { code, stderr } = await run([server.url, "--no-browser"]);
  assert.equal(code, 5);
  assert.match(stderr, /Error: whoami failed: who\?/);
});

testCommandLine("Ctrl-C during the sign-in leaves no port and no half file", async (world) => {
  const { server, run, cacheDirectory } = world;
  let port = 0;
  const { code, stderr } = await run([server.url, "--no-browser"], {
    onSignIn(url, process) {
      port = Number(new URL(url.searchParams.get("redirect_uri") ?? "").port);
      // `deno task` passes on what the terminal has sent already, so one key press is two signals.
      process.kill("SIGINT");
      process.kill("SIGINT");
    },
  });
  assert.equal(code, 130, stderr);
  assert.match(stderr, /Interrupted\./);
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
  for await (const { name } of Deno.readDir(cacheDirectory)) assert.match(name, /\.json$/);
});

testCommandLine("--debug tells what happens without a token, code or secret", async (world) => {
  const { server, run } = world;
  const { code, stderr } = await run([server.url, "--no-browser", "--debug"]);
  assert.equal(code, 0);
  assert.match(stderr, /http_request.*\/token/);
  const withoutSignInLine = stderr.replace(/^Sign in at: .*$/m, "");
  const state = server.authorizationRequests[0]?.get("state") ?? "?";
  for (const secret of ["at-", "rt-", "code=", state]) assert(!withoutSignInLine.includes(secret));
});

if (Deno.build.os === "linux") {
  testCommandLine("the browser is started with an address of the client", async (world) => {
    const { server, run, cacheDirectory } = world;
    const programs = await Deno.makeTempDir();
    try {
      const script = `#!/bin/sh
echo "$#" "$1" > "${join(programs, "arguments")}"
exec "${Deno.execPath()}" eval "await fetch(Deno.args[0])" "$1"
`;
      await Deno.writeTextFile(join(programs, "xdg-open"), script, { mode: 0o755 });
      const PATH = `${programs}:${Deno.env.get("PATH")}`;
      const { code, stderr } = await run([server.url], { env: { PATH }, onSignIn() {} });
      assert.equal(code, 0, stderr);
      const given = await Deno.readTextFile(join(programs, "arguments"));
      assert.match(given, /^1 http:\/\/127\.0\.0\.1:\d+\/start\/[0-9a-f]{32}\n$/);
    } finally {
      await Deno.remove(programs, { recursive: true });
    }
    assert.equal((await Array.fromAsync(Deno.readDir(cacheDirectory))).length, 1);
  });
}
