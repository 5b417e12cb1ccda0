/** One at a time: how to wait for whoever is at work already. */

import { CommandError, ExitCode } from "../errors.ts";
import type { ConnectOptions } from "./context.ts";
import { describeSeconds } from "./seconds.ts";

/** How to wait while somebody else works on a server. */
export interface Wait {
  /** How long, in milliseconds; 0: not at all. */
  patience: number;
  /** Ends the waiting, with its reason. */
  signal: AbortSignal;
  /** Called once, when the wait has become long enough for a person to notice. */
  onWait?: (() => void) | undefined;
}

/**
 * The wait of somebody who needs a sign-in: as long as for the person, and said once.
 *
 * @param options the part of `ConnectOptions` that matters.
 * @param serverUrl the server in question.
 */
export function waitForOthers(
  { settings, signal, onStep }: Pick<ConnectOptions, "settings" | "signal" | "onStep">,
  serverUrl: URL,
): Wait {
  const text = `Another program is signing in to ${serverUrl.href}; waiting for it.`;
  return { patience: settings.timeout, signal, onWait: () => onStep({ name: "waiting", text }) };
}

/** Lets time pass, in milliseconds. */
export type Pause = (duration: number) => Promise<void>;

/** Gives back what was taken. */
export type Release = () => void | Promise<void>;

/** How often to look again, in milliseconds: a lock that blocks could not be interrupted. */
const POLL_INTERVAL = 50;

/** A wait that a person notices, in milliseconds. Renewing tokens mostly takes less. */
const NOTICEABLE = 1_000;

/**
 * Does something while nobody else does.
 *
 * @param take tries to become the only one; `undefined` if somebody else is.
 * @param work what to do.
 * @param wait see {@link Wait}.
 * @param pause see {@link Pause}.
 * @throws {CommandError} `busy` when the patience is at an end.
 */
export async function runExclusively<T>(
  take: () => Promise<Release | undefined>,
  work: () => Promise<T>,
  { patience, signal, onWait }: Wait,
  pause: Pause = pauseInTime,
): Promise<T> {
  for (let waited = 0;; waited += POLL_INTERVAL) {
    signal.throwIfAborted();
    const release = await take();
    if (release) {
      try {
        return await work();
      } finally {
        await release();
      }
    }
    if (waited === NOTICEABLE) onWait?.();
    if (waited >= patience) {
      throw new CommandError(
        "busy",
        patience === 0
          ? "Another program is signing in to this server, or renewing its tokens."
          : `Another program is still signing in to this server, ${
            describeSeconds(patience)
          } later. Finish the sign-in there or end that program, then run this again.`,
        ExitCode.notAuthorized,
      );
    }
    await pause(POLL_INTERVAL);
  }
}

function pauseInTime(duration: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration));
}
