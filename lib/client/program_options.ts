/** What a program passes to `connect`, where it has no wishes of its own. */

import { silentLog } from "../log.ts";
import { openBrowser, spawnQuietly } from "./browser.ts";
import { listenOnLoopback } from "./callback_server.ts";
import type { ConnectOptions, SignInSettings } from "./context.ts";
import { setDeadline } from "./deadline.ts";
import { createMemoryTokenCache } from "./memory_token_cache.ts";
import { createFileTokenCache, type TokenCache } from "./token_cache.ts";
import { CALLBACK_HOST, DEFAULT_TIMEOUT } from "./usage.ts";

/** Wishes of a program, see {@link ConnectOptions}. */
export type ProgramOptions = Partial<Omit<ConnectOptions, "settings">> & {
  settings?: Partial<SignInSettings>;
};

/**
 * Completes the options of `connect` with this machine's network, clock and randomness. Without
 * wishes sign-ins are kept in memory only, nothing is logged, no browser is opened, and the sign-in
 * URL reaches nobody: give at least `onStep` or `openBrowser` where a person may have to sign in.
 *
 * @param wishes what is to be otherwise.
 */
export function createProgramOptions(wishes: ProgramOptions = {}): ConnectOptions {
  return {
    cache: createMemoryTokenCache(),
    fetch,
    now: Date.now,
    setDeadline,
    random,
    log: silentLog,
    onStep() {},
    signal: new AbortController().signal,
    listen: listenOnLoopback,
    ...wishes,
    settings: {
      callbackHost: CALLBACK_HOST,
      timeout: Number(DEFAULT_TIMEOUT) * 1000,
      ...wishes.settings,
    },
  };
}

/**
 * Opens the browser of this machine, for `openBrowser`. Needs permission to run `open`, `xdg-open`
 * or `rundll32`.
 *
 * @param url a loopback address of this client.
 * @throws {Error} with a sentence for the user if it cannot be started.
 */
export function openHostBrowser(url: URL): Promise<void> {
  return openBrowser(url, { os: Deno.build.os, spawn: spawnQuietly });
}

/**
 * Keeps sign-ins in a directory, for `cache`. Needs permission to read and write there.
 *
 * @param directory made when first needed, for its owner only.
 * @param warn tells the user, in one sentence, what was repaired or could not be kept.
 */
export function createProgramCache(
  directory: string,
  warn: (message: string) => void,
): TokenCache {
  return createFileTokenCache({ directory, random, warn });
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
