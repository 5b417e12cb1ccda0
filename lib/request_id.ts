/** The id of a request, in its answer and in all that is logged on its behalf. */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { LogFields } from "./log.ts";
import { encodeBase64Url, type Random } from "./oauth/random.ts";

/** What {@link withRequestId} needs. */
export interface RequestIdOptions {
  random: Random;
  /** Carries the id to the log. */
  requestFields: AsyncLocalStorage<LogFields>;
}

/**
 * Gives each request an id and each answer the headers that all answers have.
 *
 * @param route answers a request that came from an address.
 */
export function withRequestId(
  route: (request: Request, peer: string) => Promise<Response>,
  { random, requestFields }: RequestIdOptions,
): (request: Request, peer?: string) => Promise<Response> {
  return (request, peer = "unknown") => {
    const requestId = encodeBase64Url(random(9));
    return requestFields.run({ request_id: requestId }, async () => {
      const response = await route(request, peer);
      response.headers.set("x-content-type-options", "nosniff");
      response.headers.set("x-request-id", requestId);
      return request.method === "HEAD" ? new Response(null, response) : response;
    });
  };
}
