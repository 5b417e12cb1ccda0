import assert from "node:assert/strict";
import { join } from "node:path";
import { type Pause, type Release, runExclusively } from "../../lib/client/exclusive.ts";
import { createFileLock } from "../../lib/client/file_lock.ts";
import { createFileTokenCache } from "../../lib/client/token_cache.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

const SERVER = "http://localhost:8000/mcp";
const { signal } = new AbortController();
const neverPause: Pause = () => assert.fail("it waited");
const free = () => Promise.resolve(() => {});
const taken = () => Promise.resolve(undefined);

Deno.test("waiting is said once, when it gets long, and ends when the other is done", async () => {
  let waited = 0;
  const saidAfter: number[] = [];
  const pause: Pause = (duration) => Promise.resolve(void (waited += duration));
  const take = () => waited < 5_000 ? taken() : free();
  const onWait = () => saidAfter.push(waited);
  const result = await runExclusively(
    take,
    () => Promise.resolve("done"),
    { patience: 60_000, signal, onWait },
    pause,
  );
  assert.equal(result, "done");
  assert.deepEqual(saidAfter, [1_000]);
});

Deno.test("a short wait, as for a refresh, is not worth a word", async () => {
  let waited = 0;
  const pause: Pause = (duration) => Promise.resolve(void (waited += duration));
  const take = () => waited < 500 ? taken() : free();
  const onWait = () => assert.fail("it said so");
  await runExclusively(take, () => Promise.resolve(), { patience: 60_000, signal, onWait }, pause);
});

Deno.test("patience ends with the exit code of a sign-in that did not happen", async () => {
  let waited = 0;
  const pause: Pause = (duration) => Promise.resolve(void (waited += duration));
  const work = () => assert.fail("it went on");
  await assert.rejects(runExclusively(taken, work, { patience: 3_000, signal }, pause), {
    code: "busy",
    exitCode: ExitCode.notAuthorized,
    message: /3 seconds later/,
  });
  assert.equal(waited, 3_000);
});

Deno.test("the patience of one second is told in the singular", async () => {
  const pause: Pause = () => Promise.resolve();
  const work = () => assert.fail("it went on");
  await assert.rejects(runExclusively(taken, work, { patience: 1_000, signal }, pause), {
    message: /, 1 second later\./,
  });
});

Deno.test("without patience a busy server is reported at once", async () => {
  const work = () => assert.fail("it went on");
  await assert.rejects(runExclusively(taken, work, { patience: 0, signal }, neverPause), {
    code: "busy",
    message: "Another program is signing in to this server, or renewing its tokens.",
  });
});

Deno.test("Ctrl-C ends the waiting, with its reason", async () => {
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(new CommandError("interrupted", "Interrupted.", 130)));
  const wait = { patience: 60_000, signal: interrupt.signal };
  await assert.rejects(runExclusively(taken, () => assert.fail("it went on"), wait), {
    code: "interrupted",
  });
});

Deno.test("work that fails gives back what it took", async () => {
  let released = false;
  const take = () => Promise.resolve(() => void (released = true));
  const work = () => Promise.reject(new Error("no"));
  await assert.rejects(runExclusively(take, work, { patience: 0, signal }, neverPause), {
    message: "no",
  });
  assert(released);
});

/** Runs a test with a path for a lock. */
function testLock(name: string, fn: (path: string) => Promise<void>): void {
  testNeeding(
    { read: true, write: true },
    name,
    () => withTempDirectory((directory) => fn(join(directory, "server.lock"))),
  );
}

const warn = (message: string) => assert.fail(message);

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

testLock("one at a time has the lock of a file, which goes away with it", async (path) => {
  const lock = createFileLock({ warn });
  const release = await lock(path);
  assert(release);
  assert.equal(await createFileLock({ warn })(path), undefined);
  await release();
  assert.equal(await exists(path), Deno.build.os === "windows");
  await (await lock(path))?.();
});

if (Deno.build.os !== "windows") {
  testLock("the lock of a file that is gone counts for nothing", async (path) => {
    const first = await createFileLock({ warn })(path);
    let newcomer: Release | undefined;
    const late = createFileLock({
      warn,
      async tryLock(file) {
        // It has opened the file of the first holder, who gives it back; then somebody else comes.
        await first?.();
        newcomer = await createFileLock({ warn })(path);
        return await file.tryLock(true);
      },
    });
    assert.equal(await late(path), undefined);
    assert(newcomer);
    assert(await exists(path));
    await newcomer();
  });

  testLock("a holder whose file was taken away leaves the next one's alone", async (path) => {
    const first = await createFileLock({ warn })(path);
    await Deno.remove(path);
    const second = await createFileLock({ warn })(path);
    await first?.();
    assert(await exists(path));
    assert.equal(await createFileLock({ warn })(path), undefined);
    await second?.();
  });
}

testNeeding(
  { read: true, write: true },
  "where files cannot be locked that is said once, and sign-ins go on",
  () =>
    withTempDirectory(async (parent) => {
      const warnings: string[] = [];
      const cache = createFileTokenCache({
        directory: join(parent, "cache"),
        random: () => new Uint8Array(8),
        warn: (message) => void warnings.push(message),
        tryLock: () => Promise.reject(new Error("operation not supported")),
        pause: neverPause,
      });
      const wait = { patience: 0, signal };
      for (let run = 0; run < 2; run++) {
        await cache.exclusive(SERVER, () => cache.write(SERVER, { issuers: {} }), wait);
      }
      assert.deepEqual(await cache.read(SERVER), { issuers: {} });
      assert.deepEqual(warnings, [
        "Files cannot be locked here: operation not supported. Do not sign in to one server with two programs at once.",
      ]);
    }),
);

testNeeding(
  { read: true, write: true },
  "while one program works on a server others read it, clear it, and work on other servers",
  () =>
    withTempDirectory(async (parent) => {
      const options = {
        directory: join(parent, "cache"),
        random: () => new Uint8Array(8),
        warn,
        pause: neverPause,
      };
      const [one, other] = [createFileTokenCache(options), createFileTokenCache(options)];
      const wait = { patience: 0, signal };
      await one.exclusive(SERVER, async () => {
        await one.write(SERVER, { issuers: {} });
        assert.deepEqual(await other.read(SERVER), { issuers: {} });
        assert.equal((await other.list()).length, 1);
        assert.equal(await other.exclusive(`${SERVER}/`, () => Promise.resolve(1), wait), 1);
        assert.equal(await other.remove(SERVER), true);
        await assert.rejects(other.exclusive(SERVER, () => Promise.resolve(), wait), {
          code: "busy",
        });
      }, wait);
      assert.equal(await other.exclusive(SERVER, () => Promise.resolve(2), wait), 2);
    }),
);
