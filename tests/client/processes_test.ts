import assert from "node:assert/strict";
import { join } from "node:path";
import { currentTokens } from "../../lib/client/server_record.ts";
import {
  createFileTokenCache,
  type TokenCache,
  updateRecord,
} from "../../lib/client/token_cache.ts";
import { type ClientProcess, startClient } from "../support/client_process.ts";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

/** One test's world: a server on a port, and programs that share a cache. */
interface World {
  server: FakeServer;
  cache: string;
  /** Starts a client; nobody signs in unless the test does. */
  start(...args: string[]): ClientProcess;
  /** Leaves the next refresh without an answer; resolves when it is there. */
  holdRefresh(): Promise<void>;
}

function testProcesses(name: string, fn: (world: World) => Promise<void>): void {
  testNeeding({ env: true, net: true, read: true, run: true, write: true }, name, async () => {
    const http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => server.handle(request),
    );
    const server = createFakeServer(`http://127.0.0.1:${http.addr.port}`);
    const end = Promise.withResolvers<Response>();
    const holdRefresh = () => {
      const arrived = Promise.withResolvers<void>();
      server.faults.tokenAnswers.push(() => {
        arrived.resolve();
        return end.promise;
      });
      return arrived.promise;
    };
    try {
      await withTempDirectory(async (directory) => {
        const cache = join(directory, "cache");
        const start = (...args: string[]) =>
          startClient([server.url, "--no-browser", ...args], { cache });
        await fn({ server, cache, start, holdRefresh });
      });
    } finally {
      end.resolve(new Response());
      await http.shutdown();
    }
  });
}

/** Signs in like a person whose session at the authorization server is still good. */
async function visit(url: string): Promise<void> {
  const response = await fetch(url);
  assert.equal(response.status, 200, await response.text());
}

/** The address a client asks to open. */
async function signInUrlOf(client: ClientProcess): Promise<string> {
  return (await client.printed(/^Sign in at: (.*)\n/m))[1] ?? "";
}

/** Signs in with one client, so that others find its tokens. */
async function signIn({ start }: World): Promise<void> {
  const client = start();
  await visit(await signInUrlOf(client));
  assert.equal((await client.ended).code, 0);
}

async function assertOnlyRecordsIn(cache: string): Promise<void> {
  for await (const { name } of Deno.readDir(cache)) assert.match(name, /^[0-9a-f]{64}\.json$/);
}

async function assertNobodyListens(signInUrl: string): Promise<void> {
  const redirectUri = new URL(signInUrl).searchParams.get("redirect_uri") ?? "";
  const port = Number(new URL(redirectUri).port);
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
}

const WAITING = /^Another program is signing in to http:.*\/mcp; waiting for it\.\n/m;

/** The cache of those programs, seen from here. */
function openCache(directory: string): TokenCache {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return createFileTokenCache({ directory, random, warn: assert.fail });
}

/** Makes the tokens end by the clock as well, so that a client knows before it is told. */
async function endTokens({ server, cache }: World): Promise<void> {
  await updateRecord(openCache(cache), server.url, (record) => {
    const tokens = currentTokens(record);
    assert(tokens);
    tokens.expires_at = 1;
    return record;
  });
}

const ends: [string, (world: World) => Promise<void>][] = [
  ["the server refuses", () => Promise.resolve()],
  ["has ended by the clock", endTokens],
];
// opencode#34074, claude-code#84440, mcp-remote#351: each program used the same refresh token.
for (const [name, end] of ends) {
  testProcesses(`eight programs with a token that ${name} refresh it once`, async (world) => {
    const { server, cache, start } = world;
    await signIn(world);
    server.expireAccessTokens();
    await end(world);
    const runs = await Promise.all(Array.from({ length: 8 }, () => start().ended));
    for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
    assert.equal(server.counts.refreshes, 1);
    assert.equal(server.counts.authorizations, 1);
    await assertOnlyRecordsIn(cache);
  });
}

// mcp-remote#306, mcp-remote#68: two programs opened two pages, or one of them died of EADDRINUSE.
testProcesses(
  "of two programs that need a sign-in one asks for it, the other waits",
  async (world) => {
    const { server, cache, start } = world;
    const clients = [start(), start()];
    const url = await Promise.any(clients.map(signInUrlOf));
    await Promise.any(clients.map((client) => client.printed(WAITING)));
    await visit(url);
    const runs = await Promise.all(clients.map(({ ended }) => ended));
    for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
    assert.equal(runs.filter(({ stderr }) => stderr.includes("Sign in at")).length, 1);
    assert.equal(server.counts.authorizations, 1);
    assert.equal(server.counts.registrations, 1);
    await assertOnlyRecordsIn(cache);
  },
);

testProcesses("when a sign-in is declined, those who wait for it end with it", async (world) => {
  const { server, cache, start } = world;
  server.faults.redirect = (parameters) => {
    parameters.delete("code");
    parameters.set("error", "access_denied");
  };
  const first = start("--json");
  const url = await signInUrlOf(first);
  const others = [1, 2].map(() => start("--json", "--timeout", "20"));
  await Promise.all(others.map((client) => client.printed(WAITING)));
  const page = await fetch(url);
  assert.match(await page.text(), /The sign-in was declined/);
  for (const { ended } of [first, ...others]) {
    const { code, stderr } = await ended;
    assert.equal(code, 3, stderr);
    const { error } = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "");
    assert.equal(error.code, "access_denied");
    assert.match(error.message, /The sign-in was declined/);
  }
  assert.equal(server.counts.authorizations, 1);

  server.faults.redirect = () => {};
  const next = start();
  await visit(await signInUrlOf(next));
  assert.equal((await next.ended).code, 0, "who comes later may ask anew");
  await assertOnlyRecordsIn(cache);
});

// hermes-agent#74381, mcp-remote#39: a lock file outlived its program.
testProcesses("a program killed in the middle of a refresh blocks nobody", async (world) => {
  const { server, cache, start, holdRefresh } = world;
  await signIn(world);
  server.expireAccessTokens();
  const held = holdRefresh();
  const killed = start();
  await held;
  const next = start();
  await next.printed(WAITING);
  killed.kill("SIGKILL");
  const { code, stderr } = await next.ended;
  assert.equal(code, 0, stderr);
  assert.equal(server.counts.authorizations, 1);
  assert.equal(server.counts.refreshes, 1);
  await killed.ended;
  await assertOnlyRecordsIn(cache);
});

testProcesses("cache clear waits for a sign-in under way, then nothing is kept", async (world) => {
  const { server, cache, start } = world;
  const first = start();
  const url = await signInUrlOf(first);
  const idle = "http://127.0.0.1:1/mcp";
  const others = openCache(cache);
  await others.write(idle, { issuers: {} });
  const clear = startClient(["cache", "clear"], { cache });
  await clear.printed(WAITING);
  assert.equal(await others.read(idle), undefined, "one that is busy does not hold up the others");
  await visit(url);
  const { code, stdout } = await clear.ended;
  assert.equal(code, 0);
  assert(stdout.includes(`Forgot ${server.url}\n`) && stdout.includes(`Forgot ${idle}\n`), stdout);
  await first.ended;
  assert.deepEqual(await Array.fromAsync(Deno.readDir(cache)), []);
});

testProcesses("a program killed in the middle of a sign-in blocks nobody", async (world) => {
  const { server, cache, start } = world;
  const killed = start();
  await signInUrlOf(killed);
  const next = start();
  await next.printed(WAITING);
  killed.kill("SIGKILL");
  await visit(await signInUrlOf(next));
  const { code, stderr } = await next.ended;
  assert.equal(code, 0, stderr);
  assert.equal(server.counts.authorizations, 1);
  await killed.ended;
  await assertOnlyRecordsIn(cache);
});

testProcesses("a program that waits gives up after its own --timeout with 3", async (world) => {
  const first = world.start();
  const url = await signInUrlOf(first);
  const { code, stderr } = await world.start("--timeout", "1.5", "--json").ended;
  assert.equal(code, 3, stderr);
  assert.match(stderr, WAITING);
  assert.equal(JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "").error.code, "busy");
  await visit(url);
  assert.equal((await first.ended).code, 0, "the one who signs in is not disturbed");
});

testProcesses("Ctrl-C ends a program that waits, and leaves the other alone", async (world) => {
  const { cache, start } = world;
  const first = start();
  const url = await signInUrlOf(first);
  const waiting = start();
  await waiting.printed(WAITING);
  waiting.kill("SIGINT");
  assert.equal((await waiting.ended).code, 130);
  await visit(url);
  assert.equal((await first.ended).code, 0);
  await assertOnlyRecordsIn(cache);
});

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  testProcesses(
    `${signal} during a sign-in leaves no lock, no port, no half file`,
    async (world) => {
      const { cache, start } = world;
      const client = start();
      const url = await signInUrlOf(client);
      client.kill(signal);
      assert.equal((await client.ended).code, exitCode);
      await assertNobodyListens(url);
      await assertOnlyRecordsIn(cache);
    },
  );
}

testProcesses(
  "Ctrl-C during a refresh leaves the tokens, no lock and no half file",
  async (world) => {
    const { server, cache, start, holdRefresh } = world;
    await signIn(world);
    server.expireAccessTokens();
    const held = holdRefresh();
    const client = start();
    await held;
    client.kill("SIGINT");
    assert.equal((await client.ended).code, 130);
    await assertOnlyRecordsIn(cache);
    assert.equal((await start().ended).code, 0);
    assert.equal(server.counts.authorizations, 1);
  },
);
