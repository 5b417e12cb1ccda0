/** Telemetry through Deno's OpenTelemetry, which sends it where the `OTEL_…` variables say. */

import { type MeterProvider, propagation, type TracerProvider } from "@opentelemetry/api";
import type { TelemetryApi } from "./api.ts";
import { countEvents } from "./count_events.ts";
import { observeGrants } from "./observe_grants.ts";
import type { Telemetry } from "./telemetry.ts";
import { traceApp } from "./trace_app.ts";
import { traceFetch } from "./trace_fetch.ts";
import { traceMcp } from "./trace_mcp.ts";

/** Instrumentation scope of all that comes from here. */
const SCOPE = "workos-mcp";

/**
 * Makes telemetry that Deno exports.
 *
 * @param version of the MCP server.
 */
export function createOpenTelemetry(version: string): Telemetry {
  // Not by way of the package: while Deno's own spans are off, it gives none.
  const tracers: TracerProvider = Deno.telemetry.tracerProvider;
  const meters: MeterProvider = Deno.telemetry.meterProvider;
  return createTelemetry({
    tracer: tracers.getTracer(SCOPE, version),
    meter: meters.getMeter(SCOPE, version),
    contexts: Deno.telemetry.contextManager,
    propagator: propagation,
    now: () => performance.now(),
  });
}

/** Makes telemetry that records with what it is given. */
export function createTelemetry(api: TelemetryApi): Telemetry {
  const { meter } = api;
  return {
    countEvents: (log) => countEvents(log, meter),
    traceFetch: (fetch) => traceFetch(fetch, api),
    traceMcp: (definition) => traceMcp(definition, api),
    traceApp: (app) => traceApp(app, api),
    observeGrants: (store, log, now) => observeGrants({ meter, store, log, now }),
  };
}
