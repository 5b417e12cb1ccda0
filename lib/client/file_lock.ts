/** A lock between programs that ends with its holder, however that ends. */

import type { Release } from "./exclusive.ts";

/** Settings of {@link createFileLock}. */
export interface FileLockOptions {
  /** Tells the user once, in one sentence, that files cannot be locked here. */
  warn: (message: string) => void;
  /** Asks the kernel for the lock of an open file; tests let it fail. */
  tryLock?: ((file: Deno.FsFile) => Promise<boolean>) | undefined;
}

/**
 * Makes a lock that the kernel holds for as long as this program lives, so that one that was killed
 * blocks nobody (hermes-agent#74381, mcp-remote#39). The file goes away with the lock: whoever had
 * opened it before finds that it is no longer the one at its path, and has to look again. Where
 * there are no locks everybody gets it.
 *
 * @param options see {@link FileLockOptions}.
 * @returns takes the lock of a path, whose directory has to be there; `undefined` if somebody else
 *   holds it.
 */
export function createFileLock(
  { warn, tryLock = (file) => file.tryLock(true) }: FileLockOptions,
): (path: string) => Promise<Release | undefined> {
  let warned = false;

  function warnOnce(reason: string): void {
    if (!warned) {
      warn(
        `Files cannot be locked here: ${reason}. Do not sign in to one server with two programs at once.`,
      );
    }
    warned = true;
  }

  return async (path) => {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // Without a directory nobody else can keep anything there either.
      if (!(error instanceof Deno.errors.NotFound)) warnOnce(error.message);
      return () => {};
    }
    try {
      if (await tryLock(file) && await isAt(file, path)) return () => unlock(file, path);
      file.close();
      return undefined;
    } catch (error) {
      file.close();
      if (!(error instanceof Error)) throw error;
      warnOnce(error.message);
      return () => {};
    }
  };
}

async function unlock(file: Deno.FsFile, path: string): Promise<void> {
  using _file = file;
  // Windows tells no inodes, so there the file stays. It may also stay if it cannot be removed:
  // what counts is the kernel's lock, and what was done under it has succeeded or failed.
  if (Deno.build.os !== "windows" && await isAt(file, path)) {
    await Deno.remove(path).catch(() => {});
  }
}

/** Whether a path still leads to an open file. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  try {
    return (await file.stat()).ino === (await Deno.stat(path)).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
