/** Room for so many at once, and a line for the others. */

import { UnavailableError } from "../errors.ts";

/**
 * Makes the room. Who waits is let in when somebody leaves, in the order of coming.
 *
 * @param size how many are let in at once.
 * @param patience how long one waits at most, in milliseconds.
 * @returns a function that does its work inside, and throws {@link UnavailableError} when it was not
 *   let in; nothing has been done then.
 */
export function createSlots(
  size: number,
  patience: number,
): <T>(work: () => Promise<T>) => Promise<T> {
  const line = new Set<() => void>();
  let taken = 0;

  const enter = async (): Promise<void> => {
    if (taken < size) {
      taken++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    line.add(resolve);
    const timer = setTimeout(() => {
      line.delete(resolve);
      const message = `No connection to the store was free for ${patience} ms.`;
      reject(new UnavailableError("store_unavailable", message, 1));
    }, patience);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  };

  const leave = (): void => {
    const [next] = line;
    if (next === undefined) {
      taken--;
      return;
    }
    line.delete(next);
    next();
  };

  return async (work) => {
    await enter();
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
