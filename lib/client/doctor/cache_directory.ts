/** A look at the directory of sign-ins that changes nothing. */

import { join } from "node:path";
import { parseJson } from "../../json.ts";
import { holdsForeignFiles, isFromRecord, isRecordFile, OTHERS, STICKY } from "../cache_files.ts";

/** What is to be seen there. */
export interface CacheState {
  /** Whether other users may look into it. */
  isOpen: boolean;
  /** Whether it belongs to all, like /tmp. */
  isShared: boolean;
  isWritable: boolean;
  /** Whether it holds other files than those of sign-ins. */
  isMixed: boolean;
  /** Files of servers. */
  servers: number;
  /** Those of them that other users may read, and those that are no JSON. */
  open: string[];
  damaged: string[];
  /** Damaged files that were set aside. */
  setAside: number;
}

/**
 * Looks at a directory of sign-ins. Windows has no modes; profiles are private there.
 *
 * @param directory its path.
 * @returns `undefined` when it does not exist.
 */
export async function inspectCacheDirectory(directory: string): Promise<CacheState | undefined> {
  try {
    const mode = (await Deno.stat(directory)).mode ?? 0;
    const state: CacheState = {
      isOpen: (mode & OTHERS) !== 0,
      isShared: (mode & STICKY) !== 0,
      isWritable: await isWritable(directory),
      isMixed: await holdsForeignFiles(directory),
      servers: 0,
      open: [],
      damaged: [],
      setAside: 0,
    };
    for await (const { name } of Deno.readDir(directory)) {
      if (isFromRecord(name) && name.endsWith(".corrupt")) state.setAside++;
      if (!isRecordFile(name)) continue;
      state.servers++;
      const path = join(directory, name);
      if (((await Deno.stat(path)).mode ?? 0) & OTHERS) state.open.push(name);
      if (parseJson(await Deno.readTextFile(path)) === undefined) state.damaged.push(name);
    }
    return state;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Modes do not tell: file systems are mounted read-only, and root may write anywhere. */
async function isWritable(directory: string): Promise<boolean> {
  try {
    await Deno.remove(await Deno.makeTempFile({ dir: directory, suffix: ".tmp" }));
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
