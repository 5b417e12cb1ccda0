/** Entries that do not get to WorkOS: every one is counted, and the log says how many. */

/** Between two reports, in milliseconds. */
const REPORT_PAUSE = 60_000;

/** A line of the log about what was lost since the last one. */
export interface LossReport {
  count: number;
  /** Of the last of them. */
  reason: string;
}

/** Counts what is lost. */
export interface Losses {
  /** Counts entries, and reports them when a report is due. */
  add(reason: string, count?: number): void;
  /** Reports what was not due when it was lost, if it is by now. */
  report(): void;
  /** Reports what was not yet, due or not. */
  flush(): void;
}

/**
 * Makes a counter that reports at most once a minute, so that an outage does not fill the log.
 *
 * @param write gets the reports.
 * @param now clock, in epoch milliseconds.
 */
export function createLosses(write: (report: LossReport) => void, now: () => number): Losses {
  let lost: LossReport | undefined;
  let reportedAt = -Infinity;

  const flush = (): void => {
    if (!lost) return;
    write(lost);
    lost = undefined;
    reportedAt = now();
  };
  const report = (): void => {
    if (now() - reportedAt >= REPORT_PAUSE) flush();
  };
  return {
    add(reason, count = 1) {
      lost = { count: (lost?.count ?? 0) + count, reason };
      report();
    },
    report,
    flush,
  };
}
