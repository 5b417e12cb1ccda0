/** Metrics and traces, wrapped around the parts of a server. */

import type { App } from "../app.ts";
import type { Log } from "../log.ts";
import type { McpDefinition } from "../mcp/endpoint.ts";
import type { Store } from "../store/store.ts";

/** What is told of a running server, and to whom is Deno's business. */
export interface Telemetry {
  /** A log whose events are counted. */
  countEvents(log: Log): Log;
  /** A fetch whose calls are timed and traced. */
  traceFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch;
  /** A definition whose MCP requests are timed and traced. */
  traceMcp(definition: McpDefinition): McpDefinition;
  /** An app whose requests are traced. */
  traceApp(app: App): App;
  /**
   * Reports how many grants are active.
   *
   * @param now clock, in epoch milliseconds.
   */
  observeGrants(store: Pick<Store, "countGrants">, log: Log, now: () => number): void;
}

/** For a server that tells nothing: everything stays as it is. */
export const noTelemetry: Telemetry = {
  countEvents: (log) => log,
  traceFetch: (fetch) => fetch,
  traceMcp: (definition) => definition,
  traceApp: (app) => app,
  observeGrants() {},
};
