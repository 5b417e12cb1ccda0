/** JSON documents that WorkOS publishes for everybody: discovery and keys. */

import { UnavailableError } from "../errors.ts";
import { parseJson } from "../json.ts";

/** Longest wait for a document, in milliseconds. */
const TIMEOUT = 5000;

/** What came back. */
export interface PublishedDocument {
  status: number;
  /** Undefined where a refusal came without JSON. */
  body: unknown;
}

/**
 * Fetches a document. Redirects are not followed: what is trusted is what stands at its own address.
 *
 * @throws {UnavailableError} when nothing usable came.
 */
export async function fetchDocument(
  url: string,
  fetch: typeof globalThis.fetch,
): Promise<PublishedDocument> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT),
      redirect: "error",
      headers: { accept: "application/json" },
    });
    const { status, ok } = response;
    const body = parseJson(await response.text());
    if (status >= 500 || status === 429 || (ok && body === undefined)) {
      throw new Error(`${url} answered ${status}.`);
    }
    return { status, body };
  } catch (error) {
    throw new UnavailableError("workos_unavailable", "WorkOS's keys cannot be fetched.", 5, {
      cause: error,
    });
  }
}
