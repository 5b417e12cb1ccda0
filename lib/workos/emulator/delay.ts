/** Waiting by the system's clock. */

import { setTimeout } from "node:timers/promises";

/**
 * Waits.
 *
 * @param duration milliseconds.
 * @param signal ends it early, without an error.
 */
export async function delay(duration: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(duration, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
