/** Telemetry that remembers what it is told, for tests in one process. */

import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Attributes,
  type Context,
  createNoopMeter,
  type ObservableCallback,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatusCode,
  type TextMapGetter,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { createTelemetry } from "../../lib/telemetry/open_telemetry.ts";
import type { Telemetry } from "../../lib/telemetry/telemetry.ts";

/** A span that has ended. */
export interface RecordedSpan {
  name: string;
  attributes: Attributes;
  status: SpanStatusCode | undefined;
  parent: SpanContext | undefined;
  links: readonly SpanContext[];
  context: SpanContext;
}

/** Telemetry and what it was told. */
export interface RecordedTelemetry {
  telemetry: Telemetry;
  /** Sums of counters and numbers of durations, by name and attribute values: `name value value`. */
  counts: Map<string, number>;
  /**
   * What the counters of this server have counted since the last call, without their prefix:
   * `sign_ins access_denied`, or `sign_ins: 2` for more than one.
   */
  takeCounts: () => string[];
  spans: RecordedSpan[];
  /** Asks the gauges. */
  collect: () => Promise<void>;
}

/** Makes telemetry that records. */
export function recordTelemetry(): RecordedTelemetry {
  const counts = new Map<string, number>();
  let taken = new Map<string, number>();
  const spans: RecordedSpan[] = [];
  let started = 0;
  const gauges: [name: string, callback: ObservableCallback][] = [];
  const contexts = new AsyncLocalStorage<Context>();
  const active = () => contexts.getStore() ?? ROOT_CONTEXT;

  const count = (name: string, attributes: Attributes | undefined, value: number) => {
    const key = [name, ...Object.values(attributes ?? {})].join(" ");
    counts.set(key, (counts.get(key) ?? 0) + value);
  };
  const meter = Object.assign(createNoopMeter(), {
    createCounter: (name: string) => ({
      add: (value: number, attributes?: Attributes) => count(name, attributes, value),
    }),
    createHistogram: (name: string) => ({
      record: (_: number, attributes?: Attributes) => count(name, attributes, 1),
    }),
    createObservableGauge: (name: string) => ({
      addCallback: (callback: ObservableCallback) => void gauges.push([name, callback]),
      removeCallback() {},
    }),
  });

  const startSpan: Tracer["startSpan"] = (name, options = {}, context = active()) => {
    const recorded = begin(name, options, context, ++started);
    const span: Span = Object.assign(trace.wrapSpanContext(recorded.context), {
      setAttributes(attributes: Attributes) {
        Object.assign(recorded.attributes, attributes);
        return span;
      },
      setStatus({ code }: { code: SpanStatusCode }) {
        recorded.status = code;
        return span;
      },
      end: () => void spans.push(recorded),
    });
    return span;
  };
  const tracer: Tracer = {
    startSpan,
    startActiveSpan(name: string, ...rest: unknown[]) {
      const work = rest.pop() as (span: Span) => never;
      const [options, context = active()] = rest as [SpanOptions?, Context?];
      const span = startSpan(name, options, context);
      return contexts.run(trace.setSpan(context, span), () => work(span));
    },
  };

  return {
    telemetry: createTelemetry({
      meter,
      tracer,
      contexts: { active },
      propagator: { extract },
      now: () => 0,
    }),
    counts,
    takeCounts() {
      const lines = [...counts].flatMap(([key, value]) => {
        const added = value - (taken.get(key) ?? 0);
        const name = /^workos_mcp\.(.*)/.exec(key)?.[1];
        return !name || added === 0 ? [] : [added === 1 ? name : `${name}: ${added}`];
      });
      taken = new Map(counts);
      return lines.sort();
    },
    spans,
    async collect() {
      for (const [name, callback] of gauges) {
        await callback({ observe: (value) => counts.set(name, value) });
      }
    },
  };
}

function begin(
  name: string,
  { attributes = {}, links = [] }: SpanOptions,
  context: Context,
  number: number,
): RecordedSpan {
  const parent = trace.getSpanContext(context);
  const digits = String(number);
  return {
    name,
    attributes: { ...attributes },
    status: undefined,
    parent,
    links: links.map((link) => link.context),
    context: {
      traceId: parent?.traceId ?? digits.padStart(32, "0"),
      spanId: digits.padStart(16, "0"),
      traceFlags: 1,
    },
  };
}

/** As far as tests need W3C Trace Context. */
function extract<T>(context: Context, carrier: T, getter?: TextMapGetter<T>): Context {
  const parent = getter?.get(carrier, "traceparent");
  const [, traceId, spanId] = /^00-(\w{32})-(\w{16})-01$/.exec(String(parent)) ?? [];
  return traceId && spanId
    ? trace.setSpanContext(context, { traceId, spanId, traceFlags: 1, isRemote: true })
    : context;
}
