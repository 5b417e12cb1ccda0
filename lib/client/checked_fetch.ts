/** `fetch` that tells "cannot be reached" from everything else, which decides what is kept. */

import type { FetchLike } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { Log } from "../log.ts";
import { readMediaType } from "../media_type.ts";
import { explainNetworkFailure } from "./network_failure.ts";
import { sanitizeLine } from "./sanitize.ts";

/** Settings of {@link createCheckedFetch}. */
export interface CheckedFetchOptions {
  fetch: FetchLike;
  log: Log;
  /** Ends requests, with its reason. */
  signal: AbortSignal;
}

/** How long a server may take to begin its answer, in milliseconds. */
const ANSWER_TIMEOUT = 60_000;

/** Answers that say there is nothing, or something else, at an address. */
const FOREIGN_STATUSES = [200, 404, 405];

/**
 * A `fetch` whose network failures and silences are {@link CommandError}s with the exit code for
 * "cannot be reached". It waits for the beginning of an answer only: a stream may last.
 *
 * @param options see {@link CheckedFetchOptions}.
 */
export function createNetworkFetch({ fetch, log, signal }: CheckedFetchOptions): FetchLike {
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
      const { code, message } = deadline.signal.aborted
        ? {
          code: "unreachable",
          message: `${url.origin} did not answer within ${
            ANSWER_TIMEOUT / 1000
          } seconds. Try again later.`,
        }
        : explainNetworkFailure(url, error);
      throw new CommandError(code, message, ExitCode.unreachable, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * A checked `fetch` for an MCP endpoint: also a web page, or a redirect to another place, in answer
 * to a message is a {@link CommandError}. Whatever it is, it is no MCP server.
 *
 * @param options see {@link CheckedFetchOptions}.
 */
export function createCheckedFetch(options: CheckedFetchOptions): FetchLike {
  const networkFetch = createNetworkFetch(options);
  return async (input, init) => {
    const response = await networkFetch(input, init);
    const problem = init?.method === "POST" && findForeignAnswer(new URL(input), response);
    if (!problem) return response;
    await response.body?.cancel();
    throw problem;
  };
}

function findForeignAnswer(url: URL, response: Response): CommandError | undefined {
  const place = url.origin + url.pathname;
  const target = findRefusedRedirect(url, response);
  if (target) {
    return new CommandError(
      "redirected",
      `${place} sends its visitors to ${
        sanitizeLine(target.origin + target.pathname)
      }. If you trust that address and it is an MCP endpoint, use it instead.`,
      ExitCode.unreachable,
    );
  }
  const isPage = readMediaType(response.headers) === "text/html";
  if (!isPage || !FOREIGN_STATUSES.includes(response.status)) return undefined;
  return new CommandError(
    "not_mcp",
    `${place} answers with a web page (HTTP ${response.status}): there is no MCP endpoint. ` +
      'The address often ends in /mcp; "deno task client doctor" looks for it.',
    ExitCode.unreachable,
  );
}

/**
 * Where an answer to a POST redirects to, if it may not be followed: a message with a token stays
 * within its origin, and only 307 and 308 keep it a message (RFC 9110 §15.4).
 *
 * @param url what was asked.
 * @param response the answer.
 */
export function findRefusedRedirect(
  url: URL,
  response: Pick<Response, "status" | "headers">,
): URL | undefined {
  if (response.status < 300 || response.status > 399) return undefined;
  const target = URL.parse(response.headers.get("location") ?? "", url);
  if (!target) return undefined;
  const keepsMessage = response.status === 307 || response.status === 308;
  return keepsMessage && target.origin === url.origin ? undefined : target;
}

/**
 * A checked `fetch` for OAuth endpoints: an answer that says "not now" fails like no answer at all,
 * so that nothing is concluded from it. In particular a refresh that meets one costs no sign-in.
 *
 * @param options see {@link CheckedFetchOptions}.
 */
export function createOAuthFetch(options: CheckedFetchOptions): FetchLike {
  const networkFetch = createNetworkFetch(options);
  return async (input, init) => {
    const response = await networkFetch(input, init);
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
