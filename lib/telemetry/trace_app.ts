/**
 * A span for each request to this server. Deno would make some by itself, but with the whole URL in
 * them, and with it the code and state of a sign-in; and what a span holds cannot be taken out again.
 */

import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { App } from "../app.ts";
import type { TelemetryApi } from "./api.ts";

/** Others are somebody's invention (semantic conventions for HTTP). */
const METHODS = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);

const HEADERS = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};

/**
 * Makes an app whose requests are traced, as part of the caller's trace if it says so.
 *
 * Paths that nobody answers, queries, addresses and names of browsers stay out.
 */
export function traceApp(
  app: App,
  { tracer, propagator }: Pick<TelemetryApi, "tracer" | "propagator">,
): App {
  return {
    ...app,
    fetch(request, peer) {
      const url = URL.parse(request.url);
      const route = url && app.paths.has(url.pathname) ? url.pathname : undefined;
      const known = METHODS.has(request.method);
      const options = {
        kind: SpanKind.SERVER,
        attributes: {
          "http.request.method": known ? request.method : "_OTHER",
          "url.scheme": url?.protocol.slice(0, -1) ?? "http",
          "url.path": route ?? "/REDACTED",
          ...(route && { "http.route": route }),
        },
      };
      const name = [known ? request.method : "HTTP", route].filter(Boolean).join(" ");
      const parent = propagator.extract(ROOT_CONTEXT, request.headers, HEADERS);

      return tracer.startActiveSpan(name, options, parent, async (span) => {
        try {
          const response = await app.fetch(request, peer);
          const { status, headers } = response;
          span.setAttributes({
            "http.response.status_code": status,
            "http.response.header.x-request-id": [headers.get("x-request-id") ?? ""],
            ...(status >= 500 && { "error.type": String(status) }),
          });
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          return response;
        } finally {
          span.end();
        }
      });
    },
  };
}
