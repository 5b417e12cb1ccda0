/** Counts what is logged. */

import type { Meter } from "@opentelemetry/api";
import type { Log, LogFields, LogLevel } from "../log.ts";
import { type CounterDefinition, COUNTERS } from "./counters.ts";

/** What OpenTelemetry calls the values that are not told apart. */
const OTHER = "_OTHER";

/**
 * Makes a log whose events are counted, those below its level too.
 *
 * @param log gets every event unchanged.
 * @param meter makes the counters.
 */
export function countEvents(log: Log, meter: Meter): Log {
  const counts = new Map(
    Object.entries(COUNTERS).flatMap(([name, definition]) =>
      prepareCounts(name, definition, meter)
    ),
  );
  const at = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
    counts.get(event)?.(fields);
    log[level](event, fields);
  };
  return { debug: at("debug"), info: at("info"), warning: at("warning"), error: at("error") };
}

type Count = (fields: LogFields) => void;

function prepareCounts(
  name: string,
  { unit, description, attribute = "error.type", codes = [], events }: CounterDefinition,
  meter: Meter,
): [event: string, count: Count][] {
  const counter = meter.createCounter(name, { unit, description });
  const entries = Object.entries(events);
  const known = new Set(codes);
  for (const [event, source] of entries) if (source === "event") known.add(event);
  // From the start: the first one of a kind would be no increase otherwise, and raise no alert.
  for (const code of known) counter.add(0, { [attribute]: code });
  if (entries.some(([, source]) => source === "ok")) counter.add(0);

  return entries.map(([event, source]) => [event, (fields) => {
    if (source === "ok") return counter.add(1);
    const code = source === "event" ? event : String(fields[source]);
    counter.add(1, { [attribute]: known.has(code) ? code : OTHER });
  }]);
}
