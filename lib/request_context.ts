/** What is known of a request while it is answered: its id, and where it came from. */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { Config } from "./config.ts";
import type { LogFields } from "./log.ts";
import { encodeBase64Url, type Random } from "./oauth/random.ts";
import { findClientAddress } from "./rate_limit.ts";

/** Goes along with whatever is done on a request's behalf. */
export interface RequestContext {
  /** In the answer's `X-Request-Id`, and in every line of the log. */
  requestId: string;
  /** Where it came from, as far as the proxies in front tell. */
  address: string;
  userAgent?: string;
}

/** What {@link withRequestContext} needs. */
export interface RequestContextOptions {
  config: Pick<Config, "trustedProxyHops">;
  random: Random;
  requestContext: AsyncLocalStorage<RequestContext>;
}

/**
 * Gives each request an id and each answer the headers that all answers have.
 *
 * @param route answers a request that came from an address.
 */
export function withRequestContext(
  route: (request: Request, peer: string) => Promise<Response>,
  { config, random, requestContext }: RequestContextOptions,
): (request: Request, peer?: string) => Promise<Response> {
  return (request, peer = "unknown") => {
    const requestId = encodeBase64Url(random(9));
    const userAgent = request.headers.get("user-agent");
    const context = {
      requestId,
      address: findClientAddress(request, peer, config.trustedProxyHops),
      ...(userAgent && { userAgent }),
    };
    return requestContext.run(context, async () => {
      const response = await route(request, peer);
      response.headers.set("x-content-type-options", "nosniff");
      response.headers.set("x-request-id", requestId);
      return request.method === "HEAD" ? new Response(null, response) : response;
    });
  };
}

/** What every line of the log says of the request that it is about. */
export function readLogFields(context: RequestContext | undefined): LogFields {
  return context ? { request_id: context.requestId } : {};
}
