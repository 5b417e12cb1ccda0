/** Joins the rooms: one `(Request) => Promise<Response>` for the whole server. */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { Config } from "./config.ts";
import { allowOrigin, answerPreflight } from "./cors.ts";
import {
  OAuthError,
  PageError,
  RateLimitedError,
  renderOAuthError,
  UnavailableError,
} from "./errors.ts";
import { renderHomePage } from "./home_page.ts";
import { describeError, type Log, type LogFields } from "./log.ts";
import { createBearerGate } from "./mcp/bearer_gate.ts";
import { createMcpEndpoint, type McpDefinition } from "./mcp/endpoint.ts";
import { wantsPage } from "./media_type.ts";
import { createAuthorize } from "./oauth/authorize.ts";
import { createCallback } from "./oauth/callback.ts";
import { createClients } from "./oauth/clients.ts";
import { createConsent } from "./oauth/consent.ts";
import { createFlowCookies } from "./oauth/flow_cookies.ts";
import { createGrants } from "./oauth/grants.ts";
import { buildResourceMetadata, buildServerMetadata } from "./oauth/metadata.ts";
import { renderErrorPage } from "./oauth/pages.ts";
import { encodeBase64Url, type Random } from "./oauth/random.ts";
import { createRegister } from "./oauth/register.ts";
import { createRevoke } from "./oauth/revoke.ts";
import type { FetchDocument } from "./oauth/safe_fetch.ts";
import { deriveBytes } from "./oauth/sealing.ts";
import { createSessions } from "./oauth/sessions.ts";
import { createToken } from "./oauth/token.ts";
import { createOriginPolicy } from "./origin.ts";
import {
  createAddressLimiter,
  createRateLimiter,
  findClientAddress,
  type RateLimit,
} from "./rate_limit.ts";
import { createReadiness } from "./readiness.ts";
import type { Store } from "./store/store.ts";
import type { Directory } from "./workos/directory.ts";
import type { Upstream } from "./workos/upstream.ts";

/** What {@link createApp} needs. */
export interface AppOptions {
  config: Config;
  definition: McpDefinition;
  store: Store;
  upstream: Upstream;
  directory: Directory;
  fetchDocument: FetchDocument;
  log: Log;
  /** Clock, in epoch milliseconds. */
  now: () => number;
  random: Random;
  /** Waits, in milliseconds. */
  wait: (duration: number) => Promise<void>;
  /** Carries the request's id to whatever is logged on its behalf. */
  requestFields: AsyncLocalStorage<LogFields>;
}

/** The whole server. */
export interface App {
  /**
   * Answers any request. Never rejects.
   *
   * @param peer address of the connection.
   */
  fetch(request: Request, peer?: string): Promise<Response>;
  /** Deletes what has expired; to be called now and then. */
  sweep(): Promise<void>;
  /** Ends open streams. The store stays open. */
  close(): Promise<void>;
}

/** `address` is the one the request came from, as far as it is known for certain. */
type Handler = (request: Request, address: string) => Response | Promise<Response>;

interface Route {
  /** By method. `HEAD` follows `GET`. */
  handlers: Partial<Record<string, Handler>>;
  /** Whether a visit uses something up, so that a look ahead (`HEAD`) must not count as one. */
  once?: boolean;
  /** Who asks: a person in a browser gets pages, a program gets JSON. */
  audience: "person" | "program";
  /** Whether a page of another allowed origin may call it. */
  crossOrigin?: boolean;
  /** Counts a use by an address, and throws when it was one too many. */
  limit?: (address: string) => void;
  /** Whether it is answered under any name: Kubernetes probes come with the address as `Host`. */
  anyHost?: boolean;
}

/** Expired rows deleted of each kind in one go, so that sweeping never holds a request up long. */
const SWEEP_LIMIT = 500;

/** Between two rounds of sweeping, in milliseconds. */
const SWEEP_PAUSE = 20;

/** Registering leaves a row behind, so it is the scarcer of the two. */
const REGISTRATIONS: RateLimit = { burst: 100, perMinute: 20 };

/** Authorizations and consents, which hosted clients make for many people from one address. */
const AUTHORIZATIONS: RateLimit = { burst: 300, perMinute: 120 };

/** Messages to `/mcp`, by grant: far more than an agent makes, unless it runs in circles. */
const CALLS: RateLimit = { burst: 1200, perMinute: 1200 };

/** Of a header that somebody made up, in characters. */
const MAX_LOGGED = 200;

/** What honest programs and people do not cause: worth a line in a log that is read. */
const SUSPICIOUS = new Set<string>(["invalid_client", "foreign_form", "other_browser"]);

/** Makes the server over its parts. */
export async function createApp(options: AppOptions): Promise<App> {
  const { config, definition, store, log, now, random } = options;
  const secret = await store.getSecret("installation", encodeBase64Url(random(32)));
  const cookies = createFlowCookies(config.baseUrl.startsWith("https:"));
  const clients = createClients(options);
  const grants = createGrants({
    ...options,
    sessions: createSessions(options),
    checksumKey: deriveBytes(secret, "refresh token checksum"),
  });
  const consent = createConsent({
    ...options,
    cookies,
    formKey: deriveBytes(secret, "consent form"),
  });
  const mcp = createMcpEndpoint({
    ...options,
    gate: createBearerGate({ config, grants, log }),
    limit: createRateLimiter(CALLS, now),
  });
  const policy = createOriginPolicy(config.baseUrl);

  const authorize = createAuthorize({ config, clients, consent, log });
  const document = (body: Record<string, unknown>): Route => ({
    handlers: { GET: () => Response.json(body, { headers: { "cache-control": "max-age=300" } }) },
    audience: "program",
    crossOrigin: true,
  });
  const program = (handler: Handler): Route => ({
    handlers: { POST: handler },
    audience: "program",
    crossOrigin: true,
  });
  const probe = (handler: Handler): Route => ({
    handlers: { GET: handler },
    audience: "program",
    anyHost: true,
  });
  const limitRegistrations = createAddressLimiter(REGISTRATIONS, now);
  const limitAuthorizations = createAddressLimiter(AUTHORIZATIONS, now);
  const resourceMetadata = document(buildResourceMetadata(config));
  const serverMetadata = document(buildServerMetadata(config));
  const routes = new Map<string, Route>([
    ["/", { handlers: { GET: () => renderHomePage(config, definition.name) }, audience: "person" }],
    ["/.well-known/oauth-protected-resource", resourceMetadata],
    ["/.well-known/oauth-protected-resource/mcp", resourceMetadata],
    ["/.well-known/oauth-authorization-server", serverMetadata],
    ["/.well-known/oauth-authorization-server/mcp", serverMetadata],
    ["/register", { ...program(createRegister({ clients, log })), limit: limitRegistrations }],
    ["/authorize", {
      handlers: { GET: authorize, POST: authorize },
      audience: "person",
      limit: limitAuthorizations,
    }],
    ["/consent", {
      handlers: { POST: consent.decide },
      audience: "person",
      limit: limitAuthorizations,
    }],
    ["/auth/callback", {
      handlers: { GET: createCallback({ ...options, grants, cookies }) },
      audience: "person",
      once: true,
    }],
    ["/token", program(createToken({ config, clients, grants }))],
    ["/revoke", program(createRevoke({ clients, grants }))],
    ["/healthz", probe(() => Response.json({ ok: true }))],
    ["/readyz", probe(createReadiness(options))],
  ]);

  const dispatch = async (request: Request, peer: string): Promise<Response> => {
    // A Host header can make the URL unreadable; such a request is for nobody.
    const url = URL.parse(request.url);
    const route = routes.get(url?.pathname ?? "");
    if (url === null || !(route?.anyHost || policy.allowsHost(request))) {
      log.info("host_refused", { host: request.headers.get("host")?.slice(0, MAX_LOGGED) });
      return refuse(403, `This server answers to ${config.baseUrl} only.`);
    }
    const { pathname } = url;
    const origin = request.headers.get("origin");
    // An authorization request may be posted from a client's own page (OpenID Connect Core §3.1.2.1);
    // it only shows the consent page, whose own form is checked by itself.
    const foreign = origin !== null && !policy.allowsOrigin(origin) && pathname !== "/authorize";
    if (foreign && pathname !== "/consent") {
      log.info("origin_refused", { origin: origin.slice(0, MAX_LOGGED) });
      return refuse(403, "This origin may not call here.");
    }

    if (pathname === "/mcp") {
      if (request.method === "OPTIONS") return answerPreflight(request, origin, ["POST"]);
      const response = await handle("program", request, () => mcp.fetch(request));
      return origin === null ? response : allowOrigin(response, origin);
    }
    if (!route) return refuse(404, "There is nothing here. The MCP endpoint is /mcp.");
    const methods = Object.keys(route.handlers);
    if (request.method === "OPTIONS" && route.crossOrigin) {
      return answerPreflight(request, origin, methods);
    }
    const allow = methods.includes("GET") && !route.once ? [...methods, "HEAD"] : methods;
    const handler = route.handlers[request.method === "HEAD" ? "GET" : request.method];
    if (!handler || !allow.includes(request.method)) {
      const list = allow.join(", ");
      return refuse(405, `Here the method has to be ${list}.`, { allow: list });
    }
    const visit = route.audience === "person" && ["GET", "HEAD"].includes(request.method);
    if (visit && policy.isAlias(request)) {
      // Cookies are for one host, and forms are only taken from the page of that host.
      const location = `${config.baseUrl}${pathname}${url.search}`;
      return new Response(null, {
        status: 307,
        headers: { location, "cache-control": "no-store" },
      });
    }
    const response = await handle(route.audience, request, async () => {
      const address = findClientAddress(request, peer, config.trustedProxyHops);
      route.limit?.(address);
      return await handler(request, address);
    });
    return route.crossOrigin ? allowOrigin(response, origin) : response;
  };

  const handle = async (
    audience: Route["audience"],
    request: Request,
    work: () => Promise<Response>,
  ): Promise<Response> => {
    try {
      return await work();
    } catch (error) {
      logFailure(log, error);
      return audience === "person" && wantsPage(request)
        ? await renderErrorPage(error)
        : renderOAuthError(error);
    }
  };

  return {
    fetch(request, peer = "unknown") {
      const requestId = encodeBase64Url(random(9));
      return options.requestFields.run({ request_id: requestId }, async () => {
        const response = await handle("program", request, () => dispatch(request, peer));
        response.headers.set("x-content-type-options", "nosniff");
        response.headers.set("x-request-id", requestId);
        return request.method === "HEAD" ? new Response(null, response) : response;
      });
    },
    async sweep() {
      try {
        let deleted = await store.sweep(now(), SWEEP_LIMIT);
        while (deleted >= SWEEP_LIMIT) {
          // Between two rounds requests get their turn.
          await options.wait(SWEEP_PAUSE);
          deleted = await store.sweep(now(), SWEEP_LIMIT);
        }
      } catch (error) {
        logFailure(log, error);
      }
    },
    close: () => mcp.close(),
  };
}

function refuse(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: "invalid_request", error_description: message }, {
    status,
    headers,
  });
}

/** Our mistakes loudly, what the world does to us quietly, what callers do at debug level. */
function logFailure(log: Log, error: unknown): void {
  if (error instanceof UnavailableError) {
    log.warning(error.code, { message: error.message, cause: String(error.cause ?? "") });
  } else if (error instanceof RateLimitedError) {
    log.info(error.code, { message: error.message });
  } else if (error instanceof OAuthError || error instanceof PageError) {
    const level = SUSPICIOUS.has(error.code) ? "info" : "debug";
    log[level]("request_refused", { error: error.code, message: error.message });
  } else {
    log.error("internal_error", describeError(error));
  }
}
