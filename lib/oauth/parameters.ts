/** Request parameters, read once and strictly (RFC 6749 §3.1, §3.2). */

import { OAuthError } from "../errors.ts";
import { readMediaType } from "../media_type.ts";
import { MAX_FORM, readBody } from "../request_body.ts";

/** Parameters by name; an empty value counts as not sent. */
export interface Parameters {
  get(name: string): string | undefined;
  /** @throws {OAuthError} `invalid_request` when it is missing. */
  require(name: string): string;
}

/** Only `resource` may be repeated (RFC 8707 §2). */
const REPEATABLE = new Set(["resource"]);

/**
 * Reads parameters.
 *
 * @param params a query or a form.
 * @throws {OAuthError} `invalid_request` for a repeated parameter: which one counts is where
 *   checks and effects have come apart.
 */
export function readParameters(params: URLSearchParams): Parameters {
  for (const name of new Set(params.keys())) {
    if (params.getAll(name).length > 1 && !REPEATABLE.has(name)) {
      // The name is the sender's text, so it is not repeated in the message.
      throw new OAuthError("invalid_request", "A parameter was sent more than once.");
    }
  }
  const get = (name: string): string | undefined => params.get(name) || undefined;
  return {
    get,
    require(name) {
      const value = get(name);
      if (value === undefined) throw new OAuthError("invalid_request", `${name} is missing.`);
      return value;
    },
  };
}

/**
 * Reads a form body.
 *
 * @throws {OAuthError} `invalid_request` for another content type.
 */
export async function readForm(request: Request): Promise<URLSearchParams> {
  if (readMediaType(request.headers) !== "application/x-www-form-urlencoded") {
    throw new OAuthError(
      "invalid_request",
      "Send parameters as application/x-www-form-urlencoded.",
    );
  }
  return new URLSearchParams(await readBody(request, MAX_FORM));
}

/**
 * Checks every `resource` parameter (RFC 8707 §2) against the one resource there is. Clients of the
 * 2025-03-26 revision send none, which means the same.
 *
 * @param params the raw parameters, since `resource` may be repeated.
 * @param resource URL of the MCP endpoint.
 * @throws {OAuthError} `invalid_target`.
 */
export function checkResource(params: URLSearchParams, resource: string): void {
  for (const value of params.getAll("resource")) {
    if (value !== "" && !isSameResource(value, resource)) {
      throw new OAuthError("invalid_target", `This server issues tokens for ${resource} only.`);
    }
  }
}

/**
 * Upper case in scheme and host, and one trailing slash, name the same resource (RS-22). So does a
 * query: clients copy the one a user typed behind the MCP URL.
 */
function isSameResource(value: string, resource: string): boolean {
  const url = URL.parse(value);
  return url !== null && !url.hash && !url.username && !url.password &&
    `${url.origin}${url.pathname.replace(/\/$/, "")}` === resource;
}
