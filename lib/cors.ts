/** Cross-origin requests (Fetch, CORS protocol) of browser-based clients. */

/** Headers that browser-based clients have to read (MCP transport, RFC 6750, RFC 9110 §10.2.3). */
const EXPOSED_HEADERS =
  "WWW-Authenticate, Retry-After, X-Request-Id, Mcp-Session-Id, MCP-Protocol-Version";

/**
 * Answers a preflight. Any header may be sent: MCP mirrors tool parameters in headers of their own (`Mcp-Param-*`), and
 * nothing here trusts a page for the headers it could not send.
 */
export function answerPreflight(
  request: Request,
  origin: string | null,
  methods: readonly string[],
): Response {
  const headers = new Headers({
    "access-control-allow-methods": methods.join(", "),
    "access-control-max-age": "600",
    vary: "Access-Control-Request-Headers",
  });
  const wanted = request.headers.get("access-control-request-headers") ?? "";
  if (/^[\w, -]+$/.test(wanted)) headers.set("access-control-allow-headers", wanted);
  return allowOrigin(new Response(null, { status: 204, headers }), origin);
}

/**
 * Lets a page of an allowed origin read an answer. No credentials: cookies play no part on the
 * routes where this is used.
 */
export function allowOrigin(response: Response, origin: string | null): Response {
  response.headers.append("vary", "Origin");
  if (origin !== null) {
    response.headers.set("access-control-allow-origin", origin);
    response.headers.set("access-control-expose-headers", EXPOSED_HEADERS);
  }
  return response;
}
