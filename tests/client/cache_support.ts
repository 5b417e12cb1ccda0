/** Caches in files, each in a directory of its own for the time of a test. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { ServerRecord } from "../../lib/client/server_record.ts";
import {
  createFileTokenCache,
  type FileTokenCacheOptions,
  type TokenCache,
} from "../../lib/client/token_cache.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

/** A server to be signed in to. */
export const SERVER = "http://localhost:8000/mcp";

const ISSUER = "http://localhost:8000";

/** What is known after a sign-in. */
export function recordWith(accessToken: string): ServerRecord {
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

/** A cache in a directory, with what it warns of. */
export function createFileCache(
  directory: string,
  options: Partial<FileTokenCacheOptions> = {},
): { cache: TokenCache; warnings: string[] } {
  const warnings: string[] = [];
  const cache = createFileTokenCache({
    directory,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    warn: (message) => warnings.push(message),
    ...options,
  });
  return { cache, warnings };
}

/** Runs a test with a file cache in a directory that is removed afterwards. */
export function testFileCache(
  name: string,
  fn: (cache: TokenCache, directory: string, warnings: string[]) => Promise<void>,
  options: Partial<FileTokenCacheOptions> = {},
): void {
  testNeeding({ read: true, write: true }, name, () =>
    withTempDirectory(async (parent) => {
      const directory = join(parent, "cache");
      const { cache, warnings } = createFileCache(directory, options);
      await fn(cache, directory, warnings);
    }));
}

/** The path of the one file there is. */
export async function onlyFileIn(directory: string): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
  assert.equal(names.length, 1, names.join());
  return join(directory, names[0] ?? "");
}
