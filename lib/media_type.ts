/** Media types of requests and answers (RFC 9110 §8.3, §12.5.1). */

/**
 * Reads the media type of a message.
 *
 * @returns type and subtype in lower case, without parameters; empty when there is none.
 */
export function readMediaType(headers: Headers): string {
  return headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
}

/** Whether a browser asks, for a person. A browser that goes to an address always says so. */
export function wantsPage(request: Request): boolean {
  return request.headers.get("accept")?.includes("text/html") ?? false;
}
