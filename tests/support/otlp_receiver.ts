/** What a collector gets that OpenTelemetry exports to: OTLP over HTTP, as JSON. */

/** A span as it came. */
export interface ReceivedSpan {
  scope: string;
  name: string;
  /** 2 of a server, 3 of a client. */
  kind: number;
  attributes: Record<string, unknown>;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  links: { spanId: string }[];
  isError: boolean;
}

/** A value of a metric. */
export interface ReceivedPoint {
  unit: string;
  attributes: Record<string, unknown>;
  /** Of a counter or a gauge; how many values a histogram has. */
  value: number;
}

/** Listens on a free port. */
export interface OtlpReceiver {
  /** For the process that exports. */
  env: Record<string, string>;
  spans: ReceivedSpan[];
  /** The values of a metric as they came last. */
  points: (name: string) => ReceivedPoint[];
  /** Everything that came, as it came. */
  texts: string[];
  /** Waits for a moment when a condition holds. */
  until: (condition: () => boolean) => Promise<void>;
  [Symbol.asyncDispose]: () => Promise<void>;
}

// The parts of OTLP that are looked at (opentelemetry-proto, trace.proto and metrics.proto).
interface KeyValue {
  key: string;
  value: Record<string, unknown>;
}
interface Scoped<T> {
  scope?: { name: string };
  spans?: T[];
  metrics?: T[];
}
interface OtlpSpan {
  name: string;
  kind: number;
  attributes?: KeyValue[];
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  links?: { spanId: string }[];
  status?: { code?: number };
}
interface OtlpPoint {
  attributes?: KeyValue[];
  asDouble?: number;
  asInt?: string | number;
  count?: string | number;
}
interface OtlpMetric {
  name: string;
  unit?: string;
  sum?: { dataPoints: OtlpPoint[] };
  gauge?: { dataPoints: OtlpPoint[] };
  histogram?: { dataPoints: OtlpPoint[] };
}

/** Starts a receiver. */
export function startOtlpReceiver(): OtlpReceiver {
  const spans: ReceivedSpan[] = [];
  const texts: string[] = [];
  const metrics = new Map<string, ReceivedPoint[]>();
  const waiting = new Set<() => void>();

  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const text = await request.text();
    texts.push(text);
    const { resourceSpans, resourceMetrics } = JSON.parse(text);
    for (const { scopeSpans } of resourceSpans ?? []) spans.push(...scopeSpans.flatMap(readSpans));
    for (const { scopeMetrics } of resourceMetrics ?? []) {
      for (const { name, points } of scopeMetrics.flatMap(readMetrics)) metrics.set(name, points);
    }
    for (const look of waiting) look();
    return Response.json({});
  });

  return {
    env: {
      OTEL_DENO: "true",
      OTEL_DENO_TRACING: "false",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "3000",
    },
    spans,
    texts,
    points: (name) => metrics.get(name) ?? [],
    async until(condition) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => condition() && resolve();
      waiting.add(look);
      look();
      await promise;
      waiting.delete(look);
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function readSpans({ scope, spans = [] }: Scoped<OtlpSpan>): ReceivedSpan[] {
  return spans.map(({ attributes, parentSpanId = "", links = [], status, ...span }) => ({
    ...span,
    scope: scope?.name ?? "",
    attributes: readAttributes(attributes),
    parentSpanId,
    links,
    isError: status?.code === 2,
  }));
}

function readMetrics(
  { metrics = [] }: Scoped<OtlpMetric>,
): { name: string; points: ReceivedPoint[] }[] {
  return metrics.map(({ name, unit = "", sum, gauge, histogram }) => ({
    name,
    points: (sum ?? gauge ?? histogram)?.dataPoints.map((point) => ({
      unit,
      attributes: readAttributes(point.attributes),
      value: Number(point.asDouble ?? point.asInt ?? point.count),
    })) ?? [],
  }));
}

/** A key that came twice is a mistake of its own: both values are exported. */
function readAttributes(attributes: KeyValue[] = []): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { key, value } of attributes) {
    if (key in result) throw new Error(`The attribute ${key} came twice.`);
    result[key] = Object.values(value)[0];
  }
  return result;
}
