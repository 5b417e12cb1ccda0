/** `fetch` for authorization servers: what passes by itself, and what must not be cut off. */

import type { FetchLike } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import { type CheckedFetchOptions, createNetworkFetch } from "./checked_fetch.ts";
import type { Deadline, SetDeadline } from "./deadline.ts";

/** Settings of {@link createOAuthFetch} and {@link createTokenFetch}. */
export interface OAuthFetchOptions extends CheckedFetchOptions {
  /** The MCP server on whose behalf others are asked. */
  serverUrl: URL;
}

/** How long a token request may still take after Ctrl-C, in milliseconds. */
const GRACE = 5_000;

/**
 * A checked `fetch` for OAuth endpoints: an answer that says "not now" fails like no answer at all,
 * so that nothing is concluded from it. In particular a refresh that meets one costs no sign-in.
 *
 * @param options see {@link OAuthFetchOptions}.
 */
export function createOAuthFetch(options: OAuthFetchOptions): FetchLike {
  const networkFetch = createNetworkFetch(options, options.serverUrl);
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

/**
 * An OAuth `fetch` for the token endpoint, whose answers cannot be had twice: a code is spent, and
 * where refresh tokens rotate so is the one that was sent. Ctrl-C therefore leaves such a request
 * some seconds to end, with all of its answer, before the program does.
 *
 * @param options see {@link OAuthFetchOptions}.
 */
export function createTokenFetch(options: OAuthFetchOptions): FetchLike {
  const { fetch, signal, setDeadline } = options;
  const fetchWhole: FetchLike = async (input, init) => {
    const response = await fetch(input, init);
    return new Response(await response.text() || null, response);
  };
  return async (input, init) => {
    signal.throwIfAborted();
    using grace = extend(signal, setDeadline);
    const oauthFetch = createOAuthFetch({ ...options, fetch: fetchWhole, signal: grace.signal });
    return await oauthFetch(input, init);
  };
}

/** A signal that aborts some time after another one, with its reason. */
function extend(signal: AbortSignal, setDeadline: SetDeadline): Deadline {
  const over = new AbortController();
  let grace: Deadline | undefined;
  const begin = () => {
    grace = setDeadline(GRACE);
    grace.signal.addEventListener("abort", () => over.abort(signal.reason));
  };
  signal.addEventListener("abort", begin);
  return {
    signal: over.signal,
    [Symbol.dispose]() {
      signal.removeEventListener("abort", begin);
      grace?.[Symbol.dispose]();
    },
  };
}
