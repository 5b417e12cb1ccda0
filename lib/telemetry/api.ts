/** What all files here record with. */

import type { Context, Meter, TextMapGetter, Tracer } from "@opentelemetry/api";

/** OpenTelemetry, and a clock. */
export interface TelemetryApi {
  meter: Meter;
  tracer: Tracer;
  /** What runs now. */
  contexts: { active(): Context };
  /** Reads what callers say about traces of theirs. */
  propagator: { extract<T>(context: Context, carrier: T, getter?: TextMapGetter<T>): Context };
  /** Clock that only goes forward, in milliseconds. */
  now: () => number;
}
