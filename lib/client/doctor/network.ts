/** What the doctor reaches for apart from `fetch`. */

import { lookup } from "node:dns/promises";
import { cacheDirectory } from "../environment.ts";
import { type CacheState, inspectCacheDirectory } from "./cache_directory.ts";

/** The machine, as far as the doctor looks at it. */
export interface Host {
  /**
   * The addresses of a name, found as `fetch` finds them.
   *
   * @throws {Error} with a `code` such as `ENOTFOUND`.
   */
  lookup(hostname: string): Promise<string[]>;
  /**
   * The directory of sign-ins, and its state unless it does not exist.
   *
   * @throws {CommandError} `no_home`.
   */
  inspectCache(): Promise<{ directory: string; state: CacheState | undefined }>;
}

/** The machine this program runs on. */
export function createHost(): Host {
  return {
    async lookup(hostname) {
      const addresses = await lookup(hostname, { all: true });
      return addresses.map(({ address }) => address);
    },
    async inspectCache() {
      const directory = cacheDirectory((name) => Deno.env.get(name));
      return { directory, state: await inspectCacheDirectory(directory) };
    },
  };
}
