/** Calls to WorkOS, timed and traced. */

import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { TelemetryApi } from "./api.ts";

/** In seconds, as the semantic conventions for HTTP have them. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Words in paths of WorkOS's API and of OAuth. Whatever else stands in a path is an id, and there are
 * too many of those to tell apart; some name a person.
 */
const WORDS = new Set([
  ".well-known",
  "audit_logs",
  "authenticate",
  "authorization",
  "check",
  "connections",
  "events",
  "jwks",
  "oauth-authorization-server",
  "oauth2",
  "openid-configuration",
  "organization_memberships",
  "organizations",
  "revoke",
  "sessions",
  "sso",
  "token",
  "user_management",
  "users",
]);

/**
 * Makes a fetch that records `http.client.request.duration` and a span for each call, until its
 * headers are there. Queries and ids stay out of both: they name people.
 */
export function traceFetch(
  fetch: typeof globalThis.fetch,
  { meter, tracer, now }: Pick<TelemetryApi, "meter" | "tracer" | "now">,
): typeof globalThis.fetch {
  const duration = meter.createHistogram("http.client.request.duration", {
    unit: "s",
    description: "Duration of HTTP client requests.",
    advice: { explicitBucketBoundaries: BUCKETS },
  });

  return (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const { protocol, hostname, port, origin, pathname } = new URL(request?.url ?? String(input));
    const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
    const template = findTemplate(pathname);
    const attributes = {
      "http.request.method": method,
      "server.address": hostname,
      "server.port": Number(port) || (protocol === "https:" ? 443 : 80),
      "url.template": template,
    };
    const options = {
      kind: SpanKind.CLIENT,
      attributes: { ...attributes, "url.full": origin + template },
    };
    const started = now();

    return tracer.startActiveSpan(`${method} ${template}`, options, async (span) => {
      const end = (outcome: Record<string, string | number>) => {
        duration.record((now() - started) / 1000, { ...attributes, ...outcome });
        span.setAttributes(outcome);
        if ("error.type" in outcome) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      };
      try {
        const response = await fetch(input, init);
        const { status } = response;
        end({
          "http.response.status_code": status,
          ...(status >= 400 && { "error.type": String(status) }),
        });
        return response;
      } catch (error) {
        // Not its message, which holds the whole URL.
        end({ "error.type": error instanceof Error ? error.name : "_OTHER" });
        throw error;
      }
    });
  };
}

/** The path with `{id}` for everything that is not a word of the API. */
function findTemplate(pathname: string): string {
  return pathname.split("/").map((part) => part === "" || WORDS.has(part) ? part : "{id}").join(
    "/",
  );
}
