/** Where sign-ins are kept between runs: one JSON file a server, readable by its owner only. */

import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import * as z from "zod";
import { CommandError } from "../errors.ts";
import { parseJson } from "../json.ts";
import {
  createAccessGuard,
  filesIn,
  ignoreMissing,
  isFromRecord,
  isRecordFile,
} from "./cache_files.ts";
import { type Pause, type Release, runExclusively, type Wait } from "./exclusive.ts";
import { createFileLock, type FileLockOptions } from "./file_lock.ts";
import { type ServerRecord, serverRecordSchema } from "./server_record.ts";

/** A server in the cache. */
export interface CachedServer {
  serverUrl: string;
  record: ServerRecord;
  /** When it was last used or changed, in milliseconds. */
  usedAt?: number | undefined;
}

/** Keeps what is known of servers, by canonical server URL (see `parseServerUrl`). */
export interface TokenCache {
  /** What is known of a server, as a copy. */
  read(serverUrl: string): Promise<ServerRecord | undefined>;
  /** The same for somebody who only looks: nothing is repaired, and nothing reported. */
  peek(serverUrl: string): Promise<ServerRecord | undefined>;
  /** Replaces everything known of a server. */
  write(serverUrl: string, record: ServerRecord): Promise<void>;
  /** Notes that a server is being used, for {@link CachedServer.usedAt}. */
  markUsed(serverUrl: string, at: number): Promise<void>;
  /** Forgets a server, or all of them; tells whether there was something to forget. */
  remove(serverUrl?: string): Promise<boolean>;
  /** Everything in the cache that can be read; what cannot is reported. */
  list(): Promise<CachedServer[]>;
  /**
   * Does something that changes what is known of a server while no other program does: it decides
   * by what it reads afterwards. Reading alone needs none of this.
   *
   * @param wait how to wait for others.
   * @throws {CommandError} `busy` when others took longer than that.
   */
  exclusive<T>(serverUrl: string, work: () => Promise<T>, wait: Wait): Promise<T>;
}

/**
 * Changes the record of one server. It is atomic inside `TokenCache.exclusive`, and belongs there.
 *
 * @param change gets the present record, or an empty one, and returns the new one.
 */
export async function updateRecord(
  cache: TokenCache,
  serverUrl: string,
  change: (record: ServerRecord) => ServerRecord,
): Promise<void> {
  await cache.write(serverUrl, change(await cache.read(serverUrl) ?? { issuers: {} }));
}

/** Settings of {@link createFileTokenCache}. */
export interface FileTokenCacheOptions {
  /** Made when first needed, for its owner only (0700). */
  directory: string;
  /** Random bytes, for names of temporary files. */
  random: (length: number) => Uint8Array;
  /** Tells the user, in one sentence, what was repaired or could not be kept. */
  warn: (message: string) => void;
  /** Puts a finished file in its place; tests let it fail. */
  rename?: (from: string, to: string) => Promise<void>;
  /** See {@link FileLockOptions}. */
  tryLock?: FileLockOptions["tryLock"];
  /** Lets time pass while others work; tests need not wait for it. */
  pause?: Pause;
}

/** Grows when older clients would misread a file. It is in the file: updates must not lose sign-ins. */
const SCHEMA_VERSION = 1;

const fileSchema = z.object({
  version: z.literal(SCHEMA_VERSION),
  server_url: z.string(),
  record: serverRecordSchema,
});

/**
 * A cache in a directory. A file is replaced as a whole or not at all, a damaged one is set aside by
 * what replaces it, and access that others were given is taken back; both are reported. If the
 * directory cannot be written to, sign-ins last as long as the program, which is reported too.
 *
 * @param options see {@link FileTokenCacheOptions}.
 */
export function createFileTokenCache(options: FileTokenCacheOptions): TokenCache {
  const { directory, random, warn, rename = Deno.rename, pause } = options;
  const unsaved = new Map<string, ServerRecord>();
  const reported = new Set<string>();
  const guard = createAccessGuard(directory, warn);
  const lock = createFileLock(options);

  const pathOf = (serverUrl: string, extension = "json") =>
    join(directory, `${createHash("sha256").update(serverUrl).digest("hex")}.${extension}`);

  /**
   * Reads one file; `undefined` when it is not there or damaged. It never moves a file, since
   * somebody else may be replacing it: who writes has the lock, who reads has not.
   */
  async function readFile(path: string, repair = true): Promise<CachedServer | undefined> {
    let text: string;
    let usedAt: number | undefined;
    try {
      await guard.closeDirectory(repair);
      if (repair) await guard.closeFile(path);
      usedAt = (await Deno.stat(path)).mtime?.getTime();
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      if (error instanceof CommandError) throw error;
      throw new CommandError(
        "cache_unreadable",
        `${path} cannot be read or made. Correct the permissions of it and its directory, or name ` +
          "another directory in MCP_CLIENT_CACHE_DIR.",
        undefined,
        { cause: error },
      );
    }
    const file = parseFile(path, text);
    if (typeof file === "object") {
      return { serverUrl: file.server_url, record: file.record, usedAt };
    }
    if (repair && !reported.has(path)) {
      warn(`${path} ${file}; a new sign-in is needed, which sets it aside as ${path}.corrupt.`);
      reported.add(path);
    }
    return undefined;
  }

  /** @returns what is wrong with it, to complete a sentence, unless it is as it should be. */
  function parseFile(path: string, text: string): z.infer<typeof fileSchema> | string {
    const content = parseJson(text);
    const version = z.object({ version: z.number() }).safeParse(content).data?.version ?? 0;
    if (version > SCHEMA_VERSION) {
      throw new CommandError(
        "cache_too_new",
        `${path} was written by a newer version of this client. Update this one, or name another directory in MCP_CLIENT_CACHE_DIR.`,
      );
    }
    const file = fileSchema.safeParse(content).data;
    if (!file) return "is damaged";
    return pathOf(file.server_url) === path ? file : "belongs to another server";
  }

  /** Keeps what is about to be replaced, if it is damaged: somebody may want to know by what. */
  async function setDamagedAside(path: string): Promise<void> {
    try {
      const file = parseFile(path, await Deno.readTextFile(path));
      if (typeof file === "string") await Deno.rename(path, `${path}.corrupt`);
    } catch (error) {
      ignoreMissing(error);
    }
    reported.delete(path);
  }

  async function makeDirectory(): Promise<void> {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    await guard.closeDirectory(true);
  }

  async function take(serverUrl: string): Promise<Release | undefined> {
    // A lock that cannot even be made is no lock; the write that follows says why.
    await makeDirectory().catch((error) => {
      if (error instanceof CommandError) throw error;
    });
    return await lock(pathOf(serverUrl, "lock"));
  }

  async function writeFile(path: string, text: string): Promise<void> {
    await makeDirectory();
    // What a crash left: nobody else writes while this program holds the lock.
    const isLeft = (name: string) => name.startsWith(`${basename(path)}.`) && name.endsWith(".tmp");
    for (const left of await filesIn(directory, isLeft)) {
      await Deno.remove(left).catch(ignoreMissing);
    }
    const temporary = `${path}.${random(8).toHex()}.tmp`;
    try {
      await Deno.writeTextFile(temporary, text, { createNew: true, mode: 0o600 });
      await sync(temporary, { write: true });
      await setDamagedAside(path);
      await rename(temporary, path);
    } catch (error) {
      await Deno.remove(temporary).catch(ignoreMissing);
      throw error;
    }
    // Makes the rename survive a power cut. Windows cannot open a directory and needs no such step.
    if (Deno.build.os !== "windows") await sync(directory, { read: true });
  }

  return {
    async read(serverUrl) {
      return structuredClone(unsaved.get(serverUrl)) ?? (await readFile(pathOf(serverUrl)))?.record;
    },
    async peek(serverUrl) {
      return unsaved.get(serverUrl) ?? (await readFile(pathOf(serverUrl), false))?.record;
    },
    async write(serverUrl, record) {
      const content = { version: SCHEMA_VERSION, server_url: serverUrl, record };
      try {
        await writeFile(pathOf(serverUrl), `${JSON.stringify(content, null, 2)}\n`);
        unsaved.delete(serverUrl);
      } catch (error) {
        if (error instanceof CommandError) throw error;
        // Tokens just rotated are the only good ones: better kept for this run than thrown away.
        if (!unsaved.has(serverUrl)) {
          const reason = error instanceof Error ? error.message : String(error);
          warn(`This sign-in lasts only as long as this program: ${reason}.`);
        }
        unsaved.set(serverUrl, structuredClone(record));
      }
    },
    async markUsed(serverUrl, at) {
      // The time of the file: rewriting its content would race with whoever renews the tokens.
      await Deno.utime(pathOf(serverUrl), at / 1000, at / 1000).catch((error) => {
        // Sign-ins that somebody else provides may be read, not touched; it only helps `cache list`.
        if (!(error instanceof Deno.errors.PermissionDenied)) ignoreMissing(error);
      });
    },
    async remove(serverUrl) {
      // What a crash left half written, or what was set aside, goes too.
      const isWanted = (name: string) =>
        serverUrl === undefined ? isFromRecord(name) : name.startsWith(basename(pathOf(serverUrl)));
      const paths = await filesIn(directory, isWanted);
      for (const path of paths) await Deno.remove(path).catch(ignoreMissing);
      const kept = [...unsaved.keys()].filter((url) =>
        serverUrl === undefined || url === serverUrl
      );
      for (const url of kept) unsaved.delete(url);
      return paths.length + kept.length > 0;
    },
    async list() {
      const servers = [];
      for (const path of await filesIn(directory, isRecordFile)) {
        try {
          const server = await readFile(path);
          if (server) servers.push(server);
        } catch (error) {
          // One that a newer version wrote must not hide the others.
          if (!(error instanceof CommandError) || error.code === "cache_shared") throw error;
          warn(error.message);
        }
      }
      return servers;
    },
    exclusive: (serverUrl, work, wait) => runExclusively(() => take(serverUrl), work, wait, pause),
  };
}

async function sync(path: string, mode: Deno.OpenOptions): Promise<void> {
  using file = await Deno.open(path, mode);
  await file.sync();
}
