/**
 * Who may talk to this server, by the names a browser reveals: against DNS rebinding, `Host` and
 * `Origin` are compared with the configured URL on every route (MCP 2026-07-28, DNS-1, TR-2).
 */

import { isLoopbackHost } from "./loopback.ts";

/** Decides about host names and origins. */
export interface OriginPolicy {
  /** Whether a request is meant for this server. */
  allowsHost(request: Request): boolean;
  /** Whether a request that is meant for this server calls it by another name than its URL does. */
  isAlias(request: Request): boolean;
  /** Whether a page of this origin may call this server. */
  allowsOrigin(origin: string): boolean;
}

/**
 * Makes the policy.
 *
 * A loopback server answers to every loopback name. Pages on loopback may call any server: they are
 * tools on the caller's own machine (MCP Inspector), and a rebound page keeps its own origin.
 *
 * @param baseUrl public origin of this server.
 */
export function createOriginPolicy(baseUrl: string): OriginPolicy {
  const { host, hostname, port } = new URL(baseUrl);
  const suffix = port && `:${port}`;
  const hosts = new Set([host]);
  if (isLoopbackHost(hostname)) {
    for (const name of ["localhost", "127.0.0.1", "[::1]"]) hosts.add(`${name}${suffix}`);
  }
  // HTTP/2 has no Host header; Deno puts the authority into the URL.
  const readHost = (request: Request) =>
    (request.headers.get("host") ?? new URL(request.url).host).toLowerCase();
  return {
    allowsHost: (request) => hosts.has(readHost(request)),
    isAlias: (request) => readHost(request) !== host,
    allowsOrigin(origin) {
      if (origin === baseUrl) return true;
      const url = URL.parse(origin);
      return url !== null && url.origin === origin && isLoopbackHost(url.hostname);
    },
  };
}
