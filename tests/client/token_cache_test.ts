import assert from "node:assert/strict";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import type { TokenCache } from "../../lib/client/token_cache.ts";
import { createFileCache, onlyFileIn, recordWith, SERVER, testFileCache } from "./cache_support.ts";

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

const damages: [string, string][] = [
  ["cut off", '{"version": 1, "server_u'],
  ["empty", ""],
  ["of another shape", '{"version": 1, "server_url": "x", "record": []}'],
  ["of another server", '{"version": 1, "server_url": "http://x/", "record": {"issuers": {}}}'],
];
// opencode#25008, gemini-cli#13749: a damaged file had to be found and deleted by hand.
for (const [name, text] of damages) {
  testFileCache(
    `a file that is ${name} is reported, and set aside by what replaces it`,
    async (cache, directory, warned) => {
      await cache.write(SERVER, recordWith("one"));
      const path = await onlyFileIn(directory);
      await Deno.writeTextFile(path, text);
      assert.equal(await cache.read(SERVER), undefined);
      assert.equal(await cache.read(SERVER), undefined);
      assert.equal(warned.length, 1);
      assert.match(
        warned.join(),
        /; a new sign-in is needed, which sets it aside as .*\.corrupt\.$/,
      );
      await cache.write(SERVER, recordWith("two"));
      assert.deepEqual(await cache.read(SERVER), recordWith("two"));
      assert.equal(await Deno.readTextFile(`${path}.corrupt`), text);
      assert.equal(await cache.remove(SERVER), true);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(directory)), []);
    },
  );
}

// A reader that moved the file away took along what somebody else had put in its place meanwhile.
testFileCache(
  "a reader of a damaged file never takes away what replaces it",
  async (cache, directory) => {
    await cache.write(SERVER, recordWith("one"));
    const path = await onlyFileIn(directory);
    const { cache: other } = createFileCache(directory);
    for (let round = 0; round < 100; round++) {
      await Deno.writeTextFile(path, "{");
      await Promise.all([
        cache.read(SERVER),
        other.read(SERVER).then(() => other.write(SERVER, recordWith(`${round}`))),
        cache.list(),
      ]);
      assert.deepEqual(await cache.read(SERVER), recordWith(`${round}`));
      assert.equal(await Deno.readTextFile(`${path}.corrupt`), "{");
    }
  },
);

testFileCache("a file of a newer version is left alone and explained", async (cache, directory) => {
  await cache.write(SERVER, recordWith("one"));
  const path = await onlyFileIn(directory);
  await Deno.writeTextFile(path, '{"version": 2}');
  await assert.rejects(cache.read(SERVER), { code: "cache_too_new" });
  await assert.rejects(cache.write(SERVER, recordWith("two")), { code: "cache_too_new" });
  assert.equal(await onlyFileIn(directory), path);
  assert.equal(await Deno.readTextFile(path), '{"version": 2}');
});

testFileCache(
  "a file of a newer version does not hide the others",
  async (cache, directory, warned) => {
    await cache.write(SERVER, recordWith("one"));
    const path = await onlyFileIn(directory);
    await Deno.writeTextFile(path, '{"version": 2}');
    await cache.write(`${SERVER}/`, recordWith("other"));
    const listed = await cache.list();
    assert.deepEqual(listed.map(({ serverUrl }) => serverUrl), [`${SERVER}/`]);
    assert.equal(warned.length, 1);
    assert(warned[0]?.startsWith(`${path} was written by a newer version`), warned[0]);
  },
);

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
    const read = await cache.read(SERVER);
    assert.deepEqual(read, recordWith("two"));
    read.issuer = "changed by whoever read it";
    assert.deepEqual(await cache.read(SERVER), recordWith("two"));
    assert.deepEqual(warned, ["This sign-in lasts only as long as this program: disk full."]);
  },
  {
    rename: (from, to) => failing ? Promise.reject(new Error("disk full")) : Deno.rename(from, to),
  },
);
