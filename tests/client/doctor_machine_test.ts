import assert from "node:assert/strict";
import { join } from "node:path";
import { type CacheState, inspectCacheDirectory } from "../../lib/client/doctor/cache_directory.ts";
import { CommandError } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { diagnose, GOOD_CACHE } from "./doctor_support.ts";

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}

for (
  const [code, seen] of [
    ["ENOTFOUND", "no such name"],
    ["EAI_AGAIN", "the name servers do not answer"],
  ] as const
) {
  Deno.test(`a name that cannot be looked up (${code}) is a problem of the network`, async () => {
    const { exitCode, find, outcome, text } = await diagnose(
      createFakeServer("https://mcp.example.com"),
      {
        host: { lookup: () => Promise.reject(coded(code)) },
        fetch: () => Promise.reject(new TypeError("dns error")),
      },
    );
    assert.equal(outcome("dns"), "unknown_host");
    assert.equal(find("dns").seen, seen);
    assert.equal(outcome("connection"), "skipped");
    assert.match(text, /up to whoever runs the network/);
    assert.equal(exitCode, 4);
  });
}

Deno.test("a name only a proxy knows is no problem", async () => {
  const { exitCode, find } = await diagnose(createFakeServer("https://mcp.example.com"), {
    host: { lookup: () => Promise.reject(coded("ENOTFOUND")) },
  });
  assert.match(find("dns").seen, /a proxy gets there/);
  assert.equal(find("connection").seen, "TLS, with a certificate this machine trusts");
  assert.equal(exitCode, 0);
});

Deno.test("an address is not looked up", async () => {
  for (const origin of ["http://127.0.0.1:8000", "http://[::1]:8000"]) {
    const { find } = await diagnose(createFakeServer(origin), {
      host: { lookup: () => assert.fail("looked up") },
    });
    assert.match(find("dns").seen, /is an address already/);
  }
});

Deno.test("a URL with a query, or with a slash at its end, is remarked upon", async () => {
  const query = await diagnose(createFakeServer(), { url: "http://localhost:8000/mcp?a=b" });
  assert.equal(query.outcome("url"), "url_with_query");
  const slash = await diagnose(createFakeServer(), { url: "http://localhost:8000/mcp/" });
  assert.equal(slash.outcome("url"), "url_with_slash");
});

/** A server whose answers carry a date so many seconds from now. */
async function diagnoseClock(seconds: number, age = 0) {
  const server = createFakeServer();
  return await diagnose(server, {
    now: () => Date.UTC(2026, 0, 1),
    async fetch(input, init) {
      const response = await server.fetch(input, init);
      const headers = new Headers(response.headers);
      headers.set("date", new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toUTCString());
      if (age > 0) headers.set("age", String(age));
      return new Response(response.body, { status: response.status, headers });
    },
  });
}

Deno.test("clocks that differ are a warning that says which is ahead", async () => {
  const ahead = await diagnoseClock(120);
  assert.equal(ahead.outcome("clock"), "clock_skew");
  assert.match(ahead.text, /The clock of http:\/\/localhost:8000 is 120 seconds ahead of this/);
  assert.match((await diagnoseClock(-90)).text, /is 90 seconds behind this machine's/);
  assert.equal((await diagnoseClock(20)).outcome("clock"), "ok");
});

Deno.test("an answer out of a cache is as old as it says", async () => {
  assert.equal((await diagnoseClock(-90, 90)).outcome("clock"), "ok");
});

const states: [string, Partial<CacheState>][] = [
  ["cache_open", { isOpen: true }],
  ["cache_open", { open: ["a.json"] }],
  ["cache_mixed", { isOpen: true, isMixed: true }],
  ["cache_shared", { isShared: true, isOpen: true }],
  ["cache_damaged", { damaged: ["a.json"] }],
  ["cache_read_only", { isWritable: false }],
  ["cache_leftovers", { setAside: 2 }],
];
for (const [code, change] of states) {
  Deno.test(`a cache with ${JSON.stringify(change)} is a warning`, async () => {
    const { exitCode, outcome } = await diagnose(createFakeServer(), {
      host: {
        inspectCache: () =>
          Promise.resolve({ directory: "/cache", state: { ...GOOD_CACHE, ...change } }),
      },
    });
    assert.equal(outcome("cache"), code);
    assert.equal(exitCode, 0);
  });
}

Deno.test("a cache that is not there yet is fine, one that cannot be read a warning", async () => {
  const inspect = (
    inspectCache: () => Promise<never> | Promise<{ directory: string; state: undefined }>,
  ) => diagnose(createFakeServer(), { host: { inspectCache } });
  const absent = await inspect(() => Promise.resolve({ directory: "/cache", state: undefined }));
  assert.equal(absent.find("cache").seen, "/cache is made at the first sign-in");
  const closed = await inspect(() => Promise.reject(new Error("denied")));
  assert.equal(closed.outcome("cache"), "cache_unreadable");
  const homeless = await inspect(() => Promise.reject(new CommandError("no_home", "No home.")));
  assert.equal(homeless.outcome("cache"), "no_home");
  assert.equal(homeless.exitCode, 3);
});

testNeeding({ read: true, write: true }, "a directory of sign-ins is seen as it is", async () => {
  const [good, bad, old] = ["a.json", "b.json", "c.json.corrupt"].map((name) =>
    name.replace(/^./, (letter) => letter.repeat(64))
  );
  assert(good !== undefined && bad !== undefined && old !== undefined);
  await withTempDirectory(async (parent) => {
    const directory = join(parent, "cache");
    assert.equal(await inspectCacheDirectory(directory), undefined);
    await Deno.mkdir(directory, { mode: 0o700 });
    await Deno.writeTextFile(join(directory, good), "{}", { mode: 0o600 });
    assert.deepEqual(await inspectCacheDirectory(directory), GOOD_CACHE);
    await Deno.writeTextFile(join(directory, bad), "{", { mode: 0o600 });
    await Deno.writeTextFile(join(directory, old), "{", { mode: 0o600 });
    if (Deno.build.os !== "windows") {
      await Deno.chmod(join(directory, good), 0o644);
      await Deno.chmod(directory, 0o755);
    }
    const state = await inspectCacheDirectory(directory);
    assert.deepEqual(state?.damaged, [bad]);
    assert.equal(state?.setAside, 1);
    if (Deno.build.os !== "windows") {
      assert.deepEqual(state?.open, [good]);
      assert.equal(state?.isOpen, true);
    }
    const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
    assert.deepEqual(names.sort(), [good, bad, old]);
  });
});
