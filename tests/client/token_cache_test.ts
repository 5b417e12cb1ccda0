import assert from "node:assert/strict";
import { join } from "node:path";
import type { ServerRecord } from "../../lib/client/server_record.ts";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import {
  createFileTokenCache,
  type FileTokenCacheOptions,
  type TokenCache,
} from "../../lib/client/token_cache.ts";
import { testNeeding } from "../support/needs.ts";

const SERVER = "http://localhost:8000/mcp";
const ISSUER = "http://localhost:8000";

function recordWith(accessToken: string): ServerRecord {
  return {
    issuer: ISSUER,
    issuers: {
      [ISSUER]: {
        registration: {
          client: { client_id: "c", issuer: ISSUER },
          redirect_uri: "http://127.0.0.1:1/callback",
        },
        tokens: {
          tokens: { access_token: accessToken, token_type: "Bearer", issuer: ISSUER },
          client_id: "c",
          expires_at: 1_800_000_000,
        },
      },
    },
  };
}

/** Runs a test with a file cache in a directory that is removed afterwards. */
function testFileCache(
  name: string,
  fn: (cache: TokenCache, directory: string, warnings: string[]) => Promise<void>,
  options: Partial<FileTokenCacheOptions> = {},
): void {
  testNeeding({ read: true, write: true }, name, async () => {
    const parent = await Deno.makeTempDir();
    const directory = join(parent, "cache");
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    try {
      await fn(createFileTokenCache({ directory, random, warn, ...options }), directory, warnings);
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  });
}

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

async function onlyFileIn(directory: string): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
  assert.equal(names.length, 1, names.join());
  return join(directory, names[0] ?? "");
}

async function checkContract(cache: TokenCache): Promise<void> {
  assert.equal(await cache.read(SERVER), undefined);
  assert.deepEqual(await cache.list(), []);
  await cache.write(SERVER, recordWith("one"));
  await cache.write(`${SERVER}/`, recordWith("other"));
  await cache.write(SERVER, recordWith("two"));
  assert.deepEqual(await cache.read(SERVER), recordWith("two"));
  assert.equal((await cache.list()).length, 2);
  assert.equal(await cache.remove(SERVER), true);
  assert.equal(await cache.remove(SERVER), false);
  assert.equal(await cache.read(SERVER), undefined);
  const usedAt = Date.UTC(2026, 0, 1);
  await cache.markUsed(SERVER, usedAt);
  await cache.markUsed(`${SERVER}/`, usedAt);
  assert.deepEqual(await cache.list(), [{
    serverUrl: `${SERVER}/`,
    record: recordWith("other"),
    usedAt,
  }]);
  await cache.write(SERVER, recordWith("three"));
  assert.equal(await cache.remove(), true);
  assert.equal(await cache.remove(), false);
  assert.deepEqual(await cache.list(), []);
}

Deno.test("the cache in memory keeps, replaces, lists and removes", () =>
  checkContract(createMemoryTokenCache()));

testFileCache("the cache in files keeps, replaces, lists and removes", async (cache, _, warned) => {
  await checkContract(cache);
  assert.deepEqual(warned, []);
});

// mcp-remote#318, mcp-remote#306: the version was in the directory's name, so that every update of the
// program asked for every sign-in anew.
testFileCache(
  "a file is named by the hash of the URL and says what it is",
  async (cache, directory) => {
    await cache.write(SERVER, recordWith("one"));
    const path = await onlyFileIn(directory);
    assert.match(path, /\/[0-9a-f]{64}\.json$/);
    const content = JSON.parse(await Deno.readTextFile(path));
    assert.equal(content.version, 1);
    assert.equal(content.server_url, SERVER);
  },
);

if (Deno.build.os !== "windows") {
  const modeOf = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;

  // CL-12, CL-24: nobody else on the machine reads the tokens.
  testFileCache("directory and file are their owner's only", async (cache, directory, warned) => {
    await cache.write(SERVER, recordWith("one"));
    assert.equal(await modeOf(directory), 0o700);
    assert.equal(await modeOf(await onlyFileIn(directory)), 0o600);
    assert.deepEqual(warned, []);
  });

  testFileCache(
    "access given to others is taken back and reported",
    async (cache, directory, warned) => {
      await cache.write(SERVER, recordWith("one"));
      const path = await onlyFileIn(directory);
      await Deno.chmod(directory, 0o755);
      await Deno.chmod(path, 0o644);
      assert.deepEqual(await cache.read(SERVER), recordWith("one"));
      assert.equal(await modeOf(directory), 0o700);
      assert.equal(await modeOf(path), 0o600);
      assert.equal(warned.length, 2);
    },
  );

  testFileCache("a directory everybody shares is not closed to them", async (cache, directory) => {
    await Deno.mkdir(directory);
    await Deno.chmod(directory, 0o1777);
    await assert.rejects(cache.read(SERVER), { code: "cache_shared" });
    await assert.rejects(cache.write(SERVER, recordWith("one")), { code: "cache_shared" });
    assert.equal(await modeOf(directory), 0o777);
  });
}

const damages: [string, string][] = [
  ["cut off", '{"version": 1, "server_u'],
  ["empty", ""],
  ["of another shape", '{"version": 1, "server_url": "x", "record": []}'],
  ["of another server", '{"version": 1, "server_url": "http://x/", "record": {"issuers": {}}}'],
];
// opencode#25008, gemini-cli#13749: a damaged file had to be found and deleted by hand.
for (const [name, text] of damages) {
  testFileCache(
    `a file that is ${name} is set aside and reported`,
    async (cache, directory, warned) => {
      await cache.write(SERVER, recordWith("one"));
      const path = await onlyFileIn(directory);
      await Deno.writeTextFile(path, text);
      assert.equal(await cache.read(SERVER), undefined);
      assert.equal(await onlyFileIn(directory), `${path}.corrupt`);
      assert.match(warned.join(), /\.corrupt; a new sign-in is needed/);
      await cache.write(SERVER, recordWith("two"));
      assert.deepEqual(await cache.read(SERVER), recordWith("two"));
      assert.equal(await cache.remove(SERVER), true);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(directory)), []);
    },
  );
}

testFileCache("a file of a newer version is left alone and explained", async (cache, directory) => {
  await cache.write(SERVER, recordWith("one"));
  const path = await onlyFileIn(directory);
  await Deno.writeTextFile(path, '{"version": 2}');
  await assert.rejects(cache.read(SERVER), { code: "cache_too_new" });
  assert.equal(await onlyFileIn(directory), path);
});

testFileCache(
  "what a crash left half written goes with the next write",
  async (cache, directory) => {
    await cache.write(SERVER, recordWith("one"));
    const path = await onlyFileIn(directory);
    await Deno.writeTextFile(`${path}.0123456789abcdef.tmp`, '{"version": 1, "server_u');
    await cache.write(SERVER, recordWith("two"));
    assert.equal(await onlyFileIn(directory), path);
  },
);

// typescript-sdk#2149: tokens were renewed, could not be kept, and nobody was told.
let failing = false;
testFileCache(
  "a write that fails half way leaves the old file whole and nothing else",
  async (cache, directory, warned) => {
    await cache.write(SERVER, recordWith("one"));
    failing = true;
    await cache.write(SERVER, recordWith("two"));
    const path = await onlyFileIn(directory);
    assert.match(await Deno.readTextFile(path), /"one"/);
    assert.deepEqual(await cache.read(SERVER), recordWith("two"));
    assert.deepEqual(warned, ["This sign-in lasts only as long as this program: disk full."]);
  },
  {
    rename: (from, to) => failing ? Promise.reject(new Error("disk full")) : Deno.rename(from, to),
  },
);
