/** `fetch` that tells "cannot be reached" from everything else, which decides what is kept. */

import type { FetchLike } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { Log } from "../log.ts";
import { parseJson } from "../json.ts";
import { readMediaType } from "../media_type.ts";
import type { SetDeadline } from "./deadline.ts";
import { explainNetworkFailure } from "./network_failure.ts";
import { sanitizeLine } from "./sanitize.ts";

/** Settings of {@link createCheckedFetch}. */
export interface CheckedFetchOptions {
  fetch: FetchLike;
  log: Log;
  setDeadline: SetDeadline;
  /** Ends requests, with its reason. */
  signal: AbortSignal;
}

/** How long a server may take to begin its answer, in milliseconds. */
const ANSWER_TIMEOUT = 60_000;

/** Methods of MCP behind which anything may be done. */
const WORK: readonly unknown[] = ["tools/call", "prompts/get", "resources/read"];

/** Answers that say there is nothing, or something else, at an address. */
const FOREIGN_STATUSES = [200, 404, 405];

/**
 * A `fetch` whose network failures and silences are {@link CommandError}s with the exit code for
 * "cannot be reached". It waits for the beginning of an answer only: a stream may last, and so may
 * a tool before it answers in one piece.
 *
 * @param options see {@link CheckedFetchOptions}.
 * @param serverUrl the MCP server that names the addresses, if nobody has typed them.
 */
export function createNetworkFetch(
  { fetch, log, signal, setDeadline }: CheckedFetchOptions,
  serverUrl?: URL,
): FetchLike {
  return async (input, init) => {
    const url = new URL(input);
    using deadline = mayLast(init) ? undefined : setDeadline(ANSWER_TIMEOUT);
    const signals = [signal, deadline?.signal, init?.signal].filter((one) => !!one);
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
      const { code, message } = deadline?.signal.aborted
        ? {
          code: "unreachable",
          message: `${url.origin} did not answer within ${
            ANSWER_TIMEOUT / 1000
          } seconds. Try again later.`,
        }
        : explainNetworkFailure(url, error, serverUrl);
      throw new CommandError(code, message, ExitCode.unreachable, { cause: error });
    }
  };
}

/** Whether a request is one of MCP that does somebody's work. The SDK limits how long that takes. */
function mayLast(init: RequestInit | undefined): boolean {
  const message = typeof init?.body === "string" ? parseJson(init.body) : undefined;
  return typeof message === "object" && message !== null &&
    WORK.includes(Reflect.get(message, "method"));
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
