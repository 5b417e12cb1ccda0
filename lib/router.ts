/**
 * What holds for every request, whichever room answers it: the name it came under, the page it came
 * from, the method, errors.
 */

import type { Config } from "./config.ts";
import { allowOrigin, answerPreflight } from "./cors.ts";
import {
  OAuthError,
  PageError,
  RateLimitedError,
  renderOAuthError,
  UnavailableError,
  WorkOSSetupError,
} from "./errors.ts";
import { describeError, type Log } from "./log.ts";
import { wantsPage } from "./media_type.ts";
import { renderErrorPage } from "./oauth/pages.ts";
import { createOriginPolicy } from "./origin.ts";
import { findClientAddress } from "./rate_limit.ts";

/** Answers a request. `address` is the one the request came from, as far as it is known for certain. */
export type Handler = (request: Request, address: string) => Response | Promise<Response>;

/** What answers a path. */
export interface Route {
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

/** A published document, which clients may keep for five minutes. */
export function documentRoute(
  read: () => Record<string, unknown> | Promise<Record<string, unknown>>,
): Route {
  const GET = async () =>
    Response.json(await read(), { headers: { "cache-control": "max-age=300" } });
  return { handlers: { GET }, audience: "program", crossOrigin: true };
}

/** What is asked by whatever watches over this process. */
export function probeRoute(handler: Handler): Route {
  return { handlers: { GET: handler }, audience: "program", anyHost: true };
}

/** Of a header that somebody made up, in characters. */
const MAX_LOGGED = 200;

/** Forms of ours, which check where they come from and say it on a page. */
const OWN_FORMS = new Set(["/consent", "/auth/organization"]);

/** What honest programs and people do not cause: worth a line in a log that is read. */
const SUSPICIOUS = new Set<string>(["invalid_client", "foreign_form", "other_browser"]);

/** What {@link createRouter} needs. */
export interface RouterOptions {
  config: Pick<Config, "baseUrl" | "trustedProxyHops">;
  /** By path. */
  routes: ReadonlyMap<string, Route>;
  /** Answers `/mcp`. */
  mcp: (request: Request) => Promise<Response>;
  /** What a program is told that asks for anything else. */
  notFound?: string;
  log: Log;
}

/**
 * Makes the router.
 *
 * @returns a function of a request and the address of its connection. It never rejects.
 */
export function createRouter(
  { config, routes, mcp, notFound = "There is nothing here. The MCP endpoint is /mcp.", log }:
    RouterOptions,
): (request: Request, peer: string) => Promise<Response> {
  const policy = createOriginPolicy(config.baseUrl);

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
    // it only shows the consent page.
    const foreign = origin !== null && !policy.allowsOrigin(origin) && pathname !== "/authorize";
    if (foreign && !OWN_FORMS.has(pathname)) {
      log.info("origin_refused", { origin: origin.slice(0, MAX_LOGGED) });
      return refuse(403, "This origin may not call here.");
    }

    if (pathname === "/mcp") {
      if (request.method === "OPTIONS") return answerPreflight(request, origin, ["POST"]);
      const response = await handle("program", request, () => mcp(request));
      return origin === null ? response : allowOrigin(response, origin);
    }
    if (!route) return refuse(404, notFound);
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

  return (request, peer) => handle("program", request, () => dispatch(request, peer));
}

function refuse(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: "invalid_request", error_description: message }, {
    status,
    headers,
  });
}

/** Our mistakes and an operator's loudly, what the world does to us quietly, what callers do at debug level. */
export function logFailure(log: Log, error: unknown): void {
  if (error instanceof UnavailableError) {
    log.warning(error.code, { message: error.message, cause: String(error.cause ?? "") });
  } else if (error instanceof RateLimitedError) {
    log.info(error.code, { message: error.message });
  } else if (error instanceof WorkOSSetupError) {
    log.error(error.code, { message: error.message });
  } else if (error instanceof OAuthError || error instanceof PageError) {
    const level = SUSPICIOUS.has(error.code) ? "info" : "debug";
    log[level]("request_refused", { error: error.code, message: error.message });
  } else {
    log.error("internal_error", describeError(error));
  }
}
