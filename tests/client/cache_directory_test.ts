/** What else is in the directory of sign-ins, and who may look into it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runCacheClear, runCacheList } from "../../lib/client/commands/cache.ts";
import { inspectCacheDirectory } from "../../lib/client/doctor/cache_directory.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { onlyFileIn, recordWith, SERVER, testFileCache } from "./cache_support.ts";
import { runCommand } from "./commands/support.ts";
import { diagnose } from "./doctor_support.ts";
import { createTestClient } from "./support.ts";

const HASH = "0".repeat(64);

testFileCache("files of others are neither listed, nor moved, nor removed", async (cache, path) => {
  await cache.write(SERVER, recordWith("one"));
  const foreign = ["package.json", "notes.json.txt", `${HASH}.jsonl`];
  for (const name of foreign) await Deno.writeTextFile(join(path, name), '{"name":"mine"}');
  const { context } = createTestClient(createFakeServer(), { cache });
  const { stdout, stderr } = await runCommand(runCacheList, ["cache", "list", "--json"], context);
  assert.equal(JSON.parse(stdout).length, 1);
  assert.equal(stderr, "");
  const state = await inspectCacheDirectory(path);
  assert.equal(state?.servers, 1);
  assert.deepEqual(state?.damaged, []);
  await runCommand(runCacheClear, ["cache", "clear"], context);
  const left = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
  assert.deepEqual(left.sort(), foreign.sort());
});

testFileCache("clearing tells what was read from what could not be", async (cache, directory) => {
  await cache.write(SERVER, recordWith("one"));
  await Deno.writeTextFile(join(directory, `${HASH}.json`), '{"version": 2}', { mode: 0o600 });
  const { context } = createTestClient(createFakeServer(), { cache });
  const { stdout } = await runCommand(runCacheClear, ["cache", "clear", "--json"], context);
  assert.deepEqual(JSON.parse(stdout).cleared, [SERVER, "what could not be read"]);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(directory)), []);
});

testFileCache("a lock that cannot be had is reported once", async (cache, directory, warned) => {
  await cache.write(SERVER, recordWith("one"));
  const path = await onlyFileIn(directory);
  await Deno.mkdir(path.replace(/json$/, "lock"));
  const wait = { patience: 0, signal: new AbortController().signal };
  for (let run = 0; run < 2; run++) await cache.exclusive(SERVER, () => Promise.resolve(), wait);
  assert.equal(warned.length, 1);
  assert.match(warned[0] ?? "", /^Files cannot be locked here: .*two programs at once\.$/);
});

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

  testFileCache(
    "a directory that holds other files is left open, which is said once",
    async (cache, directory, warned) => {
      await cache.write(SERVER, recordWith("one"));
      const path = await onlyFileIn(directory);
      await Deno.writeTextFile(join(directory, "package.json"), "{}");
      await Deno.chmod(join(directory, "package.json"), 0o644);
      await Deno.chmod(directory, 0o755);
      await Deno.chmod(path, 0o644);
      assert.equal((await inspectCacheDirectory(directory))?.isMixed, true);
      for (let run = 0; run < 2; run++) {
        assert.deepEqual(await cache.read(SERVER), recordWith("one"));
        await cache.write(SERVER, recordWith("one"));
      }
      assert.equal(await modeOf(directory), 0o755);
      assert.equal(await modeOf(join(directory, "package.json")), 0o644);
      assert.equal(await modeOf(path), 0o600);
      assert.equal(warned.filter((text) => text.includes("holds other files too")).length, 1);
      await Deno.chmod(directory, 0o777);
      await assert.rejects(cache.read(SERVER), { code: "cache_shared" });
    },
  );

  testFileCache("the doctor looks and changes nothing", async (cache, directory, warned) => {
    await cache.write(SERVER, recordWith("one"));
    const path = await onlyFileIn(directory);
    await Deno.chmod(directory, 0o755);
    await Deno.chmod(path, 0o644);
    const inspectCache = async () => ({
      directory,
      state: await inspectCacheDirectory(directory),
    });
    const look = () => diagnose(createFakeServer(), { cache, host: { inspectCache } });
    const { find, outcome } = await look();
    assert.equal(outcome("cache"), "cache_open");
    assert.match(find("kept_sign_in").seen, /^at http:\/\/localhost:8000;/);
    await Deno.writeTextFile(path, "{");
    assert.equal((await look()).find("kept_sign_in").seen, "none yet");
    assert.equal(await modeOf(directory), 0o755);
    assert.equal(await modeOf(path), 0o644);
    assert.equal(await onlyFileIn(directory), path);
    assert.deepEqual(warned, []);
  });
}
