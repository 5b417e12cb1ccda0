/** The directory of sign-ins: which of its files are this program's, and who else may look. */

import { join } from "node:path";
import { CommandError } from "../errors.ts";

/** Access of anybody but the owner. */
export const OTHERS = 0o077;

/** The mark of a directory where all may write, like /tmp. */
export const STICKY = 0o1000;

/** What lets strangers, not only the owner's group, put files into a directory. */
const STRANGERS_WRITE = 0o002;

/** Whether a file holds what is known of a server. Its name is the hash of the server's URL. */
export function isRecordFile(name: string): boolean {
  return /^[0-9a-f]{64}\.json$/.test(name);
}

/** Whether a file holds what is, or was to be, known of a server: half written, or set aside. */
export function isFromRecord(name: string): boolean {
  return /^[0-9a-f]{64}\.json(?:\.|$)/.test(name);
}

/** Whether a directory holds anything that is neither a record nor the lock of one. */
export async function holdsForeignFiles(directory: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(directory)) {
    if (!isFromRecord(name) && !/^[0-9a-f]{64}\.lock$/.test(name)) return true;
  }
  return false;
}

/** The paths of the wanted files, in order; none if there is no such directory. */
export async function filesIn(
  directory: string,
  isWanted: (name: string) => boolean,
): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(directory)) names.push(name);
  } catch (error) {
    ignoreMissing(error);
  }
  return names.filter(isWanted).sort().map((name) => join(directory, name));
}

/** For what somebody else may have taken away already. */
export function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Takes access back that others have, and says so. On Windows profiles are private already. */
export interface AccessGuard {
  /**
   * Closes the directory to others, unless it is also for something else.
   *
   * @param repair whether to change and tell anything; refusals are made either way.
   * @throws {CommandError} `cache_shared` if everybody may write there.
   */
  closeDirectory(repair: boolean): Promise<void>;
  /** Closes a file to others. */
  closeFile(path: string): Promise<void>;
}

/**
 * Makes the guard of a directory.
 *
 * @param warn tells the user, in one sentence.
 */
export function createAccessGuard(
  directory: string,
  warn: (message: string) => void,
): AccessGuard {
  let warnedOfForeignFiles = false;

  async function close(path: string, mode: number): Promise<void> {
    await Deno.chmod(path, mode);
    warn(
      `${path} was open to other users; now only you can read it. Sign out if that worries you.`,
    );
  }

  return {
    async closeDirectory(repair) {
      const present = (await Deno.stat(directory)).mode ?? 0;
      if ((present & OTHERS) === 0) return;
      const isMixed = await holdsForeignFiles(directory);
      if ((present & STICKY) !== 0 || (isMixed && (present & STRANGERS_WRITE) !== 0)) {
        // Like /tmp: closing it would hurt everybody else who uses it.
        throw new CommandError(
          "cache_shared",
          `${directory} is shared with other users. Name a directory inside it in MCP_CLIENT_CACHE_DIR.`,
        );
      }
      if (!repair) return;
      if (!isMixed) return await close(directory, 0o700);
      // A project's directory, say, which others may be meant to read. The records are closed.
      if (!warnedOfForeignFiles) {
        warn(
          `${directory} holds other files too, so it was left open to other users. Name a directory inside it in MCP_CLIENT_CACHE_DIR.`,
        );
      }
      warnedOfForeignFiles = true;
    },
    async closeFile(path) {
      const present = (await Deno.stat(path)).mode ?? 0;
      if ((present & OTHERS) !== 0) await close(path, 0o600);
    },
  };
}
