/** Limits of time, as an argument: tests let them run out at once. */

/** A limit of time, which is over with the block that set it. */
export interface Deadline extends Disposable {
  /** Aborts when the time is up. */
  readonly signal: AbortSignal;
}

/** Sets a limit of so many milliseconds. */
export type SetDeadline = (duration: number) => Deadline;

/**
 * A {@link SetDeadline} by the clock. Unlike that of `AbortSignal.timeout`, its timer is gone with
 * the block, so that no program lives longer for it.
 */
export function setDeadline(duration: number): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), duration);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
