/** Durations, for people. */

const FORMAT = new Intl.NumberFormat("en", { style: "unit", unit: "second", unitDisplay: "long" });

/**
 * A duration in seconds: "1 second", "0.5 seconds".
 *
 * @param duration milliseconds.
 */
export function describeSeconds(duration: number): string {
  return FORMAT.format(duration / 1000);
}
