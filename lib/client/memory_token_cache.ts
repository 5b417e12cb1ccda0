/** Sign-ins that are not kept: for programs that need none later, and for tests. */

import { type Pause, runExclusively } from "./exclusive.ts";
import type { ServerRecord } from "./server_record.ts";
import type { TokenCache } from "./token_cache.ts";

/**
 * A cache that lives as long as the program.
 *
 * @param pause lets time pass while others work; tests need not wait for it.
 */
export function createMemoryTokenCache(pause?: Pause): TokenCache {
  const records = new Map<string, ServerRecord>();
  const uses = new Map<string, number>();
  const busy = new Set<string>();
  const read = (serverUrl: string) => Promise.resolve(structuredClone(records.get(serverUrl)));
  return {
    read,
    peek: read,
    write: (serverUrl, record) => {
      records.set(serverUrl, structuredClone(record));
      return Promise.resolve();
    },
    markUsed: (serverUrl, at) => Promise.resolve(void uses.set(serverUrl, at)),
    remove(serverUrl) {
      const known = serverUrl === undefined ? [...records.keys()] : [serverUrl];
      return Promise.resolve(known.filter((url) => records.delete(url)).length > 0);
    },
    list: () =>
      Promise.resolve(
        [...records].map(([serverUrl, record]) => ({
          serverUrl,
          record: structuredClone(record),
          usedAt: uses.get(serverUrl),
        })),
      ),
    exclusive(serverUrl, work, wait) {
      const take = () => {
        if (busy.has(serverUrl)) return Promise.resolve(undefined);
        busy.add(serverUrl);
        return Promise.resolve(() => void busy.delete(serverUrl));
      };
      return runExclusively(take, work, wait, pause);
    },
  };
}
