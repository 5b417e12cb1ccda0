/** Loading what is needed for good, at the first need, without asking over and over while it fails. */

/** How long a failure counts before it is tried again, in milliseconds: anybody can bring tokens. */
export const RETRY_PAUSE = 5000;

/**
 * Makes a loader. All who need the value share one load, or its failure.
 *
 * @param now clock, in epoch milliseconds.
 * @returns a function that rejects as `load` does, without a new try for as long as a failure counts.
 */
export function loadOnce<T>(load: () => Promise<T>, now: () => number): () => Promise<T> {
  let loading: Promise<T> | undefined;
  let failedAt: number | undefined;
  return () => {
    if (failedAt !== undefined && now() - failedAt >= RETRY_PAUSE) {
      failedAt = undefined;
      loading = undefined;
    }
    loading ??= load().catch((error) => {
      failedAt = now();
      throw error;
    });
    return loading;
  };
}
