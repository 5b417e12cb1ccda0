/** Reading what a request brings along, within bounds. */

import { readRequestBody } from "@modelcontextprotocol/server";
import { OAuthError } from "./errors.ts";

/**
 * Bounds what a handler may be made to read. A declared length is kept by HTTP itself: such a body
 * is left for the handler, which can read it without the detour over a stream.
 *
 * @param limit in bytes.
 * @returns the request, or one like it whose body has been read.
 * @throws {OAuthError} `invalid_request` when the body is too large or ends too early.
 */
export async function limitBody(request: Request, limit: number): Promise<Request> {
  const length = request.headers.get("content-length");
  if (request.body === null || (length !== null && Number(length) <= limit)) return request;
  const body = await readWhole(() => readRequestBody(request, limit));
  if (body.tooLarge) throw new OAuthError("invalid_request", "The body is too large.", 413);
  const { url, method, headers } = request;
  return new Request(url, { method, headers, body: body.text });
}

/**
 * Reads a body as text.
 *
 * @throws {OAuthError} `invalid_request` when it ends too early.
 */
export function readText(request: Request): Promise<string> {
  return readWhole(() => request.text());
}

async function readWhole<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The sender went away, or the server is stopping: nobody's mistake to look into.
    throw new OAuthError("invalid_request", "The body ended too early.");
  }
}
