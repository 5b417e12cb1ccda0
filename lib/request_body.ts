/** Reading what a request brings along, within bounds. */

import { readRequestBody } from "@modelcontextprotocol/server";
import { OAuthError } from "./errors.ts";

/** Largest form or registration, in bytes; real ones are far smaller. */
export const MAX_FORM = 64 * 1024;

/**
 * Reads a body as text. A declared length is kept by HTTP itself, so such a body is read at once;
 * any other is counted while it streams in, which takes several times as long.
 *
 * @param limit in bytes.
 * @throws {OAuthError} `invalid_request` when the body is too large or ends too early.
 */
export async function readBody(request: Request, limit: number): Promise<string> {
  const length = request.headers.get("content-length");
  const isBounded = length !== null && Number(length) <= limit;
  try {
    if (isBounded) return await request.text();
    const body = await readRequestBody(request, limit);
    if (!body.tooLarge) return body.text;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The sender went away, or the server is stopping: nobody's mistake to look into.
    throw new OAuthError("invalid_request", "The body ended too early.");
  }
  throw new OAuthError("invalid_request", "The body is too large.", 413);
}
