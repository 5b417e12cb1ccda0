/** `fetch` that tells "cannot be reached" from everything else, which decides what is kept. */

import type { FetchLike } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { Log } from "../log.ts";

/** Settings of {@link createCheckedFetch}. */
export interface CheckedFetchOptions {
  fetch: FetchLike;
  log: Log;
  /** Ends requests, with its reason. */
  signal: AbortSignal;
}

/** How long a server may take to begin its answer, in milliseconds. */
const ANSWER_TIMEOUT = 60_000;

/**
 * A `fetch` whose network failures and silences are {@link CommandError}s with the exit code for
 * "cannot be reached". It waits for the beginning of an answer only: a stream may last.
 *
 * @param options see {@link CheckedFetchOptions}.
 */
export function createCheckedFetch({ fetch, log, signal }: CheckedFetchOptions): FetchLike {
  return async (input, init) => {
    const url = new URL(input);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), ANSWER_TIMEOUT);
    const signals = [signal, deadline.signal, init?.signal].filter((one) => !!one);
    try {
      const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
      log.debug("http_request", {
        method: init?.method ?? "GET",
        url: url.origin + url.pathname,
        status: response.status,
      });
      return response;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (init?.signal?.aborted) throw error;
      throw new CommandError(
        "unreachable",
        deadline.signal.aborted
          ? `${url.origin} did not answer within ${ANSWER_TIMEOUT / 1000} seconds. Try again later.`
          : `${url.origin} cannot be reached. Check the address, and that the server is running.`,
        ExitCode.unreachable,
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * A checked `fetch` for OAuth endpoints: an answer that says "not now" fails like no answer at all,
 * so that nothing is concluded from it. In particular a refresh that meets one costs no sign-in.
 *
 * @param options see {@link CheckedFetchOptions}.
 */
export function createOAuthFetch(options: CheckedFetchOptions): FetchLike {
  const checkedFetch = createCheckedFetch(options);
  return async (input, init) => {
    const response = await checkedFetch(input, init);
    // Gateways answer 502 for well-known paths they do not know; discovery then looks elsewhere.
    const unknownPath = response.status === 502 && (init?.method ?? "GET") === "GET";
    if (response.status === 429 || (response.status >= 500 && !unknownPath)) {
      await response.body?.cancel();
      throw new CommandError(
        "authorization_server_unavailable",
        `${
          new URL(input).origin
        } cannot sign anybody in right now (HTTP ${response.status}). Nothing was lost; try again later.`,
        ExitCode.unreachable,
      );
    }
    return response;
  };
}
