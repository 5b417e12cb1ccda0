/**
 * The whole server where AuthKit is the authorization server of MCP clients: `/mcp` behind its tokens,
 * and where to get them. Nothing is kept, and nobody signs in here.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { App } from "./app.ts";
import { createAudit } from "./audit/audit.ts";
import type { Config } from "./config.ts";
import { renderHomePage } from "./home_page.ts";
import type { Log } from "./log.ts";
import { createBearerGate } from "./mcp/bearer_gate.ts";
import { createMcpEndpoint, type McpDefinition } from "./mcp/endpoint.ts";
import { buildResourceMetadata } from "./oauth/metadata.ts";
import type { Random } from "./oauth/random.ts";
import { CALLS, createRateLimiter } from "./rate_limit.ts";
import { createReadiness } from "./readiness.ts";
import { type RequestContext, withRequestContext } from "./request_context.ts";
import { createRouter, documentRoute, probeRoute, type Route } from "./router.ts";
import type { WorkOSApi } from "./workos/api.ts";
import type { AuthKit } from "./workos/authkit.ts";
import type { Directory } from "./workos/directory.ts";

/** What {@link createResourceApp} needs. */
export interface ResourceAppOptions {
  config: Config;
  definition: McpDefinition;
  authkit: AuthKit;
  directory: Directory;
  /** Absent where the settings have no API key. */
  api: WorkOSApi | undefined;
  log: Log;
  /** Clock, in epoch milliseconds. */
  now: () => number;
  random: Random;
  /** Waits, in milliseconds. */
  wait: (duration: number) => Promise<void>;
  /** Carries what is known of a request to whatever is done on its behalf. */
  requestContext: AsyncLocalStorage<RequestContext>;
}

/** Makes the server over its parts. */
export function createResourceApp(options: ResourceAppOptions): App {
  const { config, definition, authkit, log, now } = options;
  const { issuer } = authkit.domain;
  const audit = createAudit(options);
  const mcp = createMcpEndpoint({
    ...options,
    audit,
    gate: createBearerGate({ config, tokens: authkit, log }),
    limit: createRateLimiter(CALLS, now),
  });
  const resourceMetadata = documentRoute(() => buildResourceMetadata(config, issuer));
  // Clients of the 2025-03-26 revision look for the authorization server here.
  const serverMetadata = documentRoute(() => authkit.readServerMetadata());
  const routes = new Map<string, Route>([
    ["/", { handlers: { GET: () => renderHomePage(config, definition.name) }, audience: "person" }],
    ["/.well-known/oauth-protected-resource", resourceMetadata],
    ["/.well-known/oauth-protected-resource/mcp", resourceMetadata],
    ["/.well-known/oauth-authorization-server", serverMetadata],
    ["/.well-known/oauth-authorization-server/mcp", serverMetadata],
    ["/healthz", probeRoute(() => Response.json({ ok: true }))],
    ["/readyz", probeRoute(createReadiness({ ...options, upstream: authkit.domain }))],
  ]);
  const notFound = "There is nothing here. The MCP endpoint is /mcp, and its authorization " +
    `server, where clients register and people sign in, is AuthKit at ${issuer}.`;
  const route = createRouter({
    config,
    routes,
    mcp: (request) => mcp.fetch(request),
    notFound,
    log,
  });
  return {
    fetch: withRequestContext(route, options),
    paths: new Set([...routes.keys(), "/mcp"]),
    // Nothing is kept, so nothing expires.
    sweep: () => Promise.resolve(),
    handleEvents: () => Promise.resolve(),
    async close(limit) {
      await (limit ? Promise.race([mcp.close(), limit]) : mcp.close());
      await audit.flush(limit);
    },
  };
}
