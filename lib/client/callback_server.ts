/** Where the browser starts from and comes back to during a sign-in: a listener on loopback. */

import { createHash, timingSafeEqual } from "node:crypto";
import { renderCallbackPage } from "./callback_page.ts";

/** Path of the redirect URI. */
export const CALLBACK_PATH = "/callback";

/** A port being listened on. */
export interface Listener {
  port: number;
  /** Lets answers under way finish, then frees the port. */
  close(): Promise<void>;
}

/**
 * Opens a listener.
 *
 * @throws {Error} if the port cannot be had, such as {@link Deno.errors.AddrInUse}.
 */
export type Listen = (
  handle: (request: Request) => Promise<Response>,
  address: { hostname: string; port: number },
) => Listener;

/** How a sign-in ended, for the page in the browser. */
export interface SignInOutcome {
  succeeded: boolean;
  title: string;
  paragraphs: string[];
}

/** One sign-in, seen from the browser. */
export interface CallbackHandler {
  /** Answers the browser. */
  handle(request: Request): Promise<Response>;
  /** Path that redirects to the authorization URL once that is known. */
  readonly startPath: string;
  /** Makes {@link startPath} lead somewhere. */
  start(authorizationUrl: URL): void;
  /** The parameters of the first valid answer; later ones change nothing. */
  readonly answer: Promise<URLSearchParams>;
  /** Lets the browser see the end: its page waits until the code has been exchanged. */
  finish(outcome: SignInOutcome): void;
}

/**
 * Reads the answer of an authorization server from its redirect. `state` is compared before any
 * other parameter is looked at, in constant time; parameters given twice make it no answer
 * (RFC 6749 §3.1, §4.1.2; CL-36).
 *
 * @param url where the browser was redirected to.
 * @param state the value sent along.
 * @returns the parameters, or `undefined` if this is not the answer waited for.
 */
export function readAuthorizationResponse(url: URL, state: string): URLSearchParams | undefined {
  const parameters = url.searchParams;
  const [received, ...more] = parameters.getAll("state");
  if (url.pathname !== CALLBACK_PATH || received === undefined || more.length > 0) return undefined;
  if (!timingSafeEqual(digest(received), digest(state))) return undefined;
  const answers = parameters.getAll("code").length + parameters.getAll("error").length;
  return answers === 1 && parameters.getAll("iss").length <= 1 ? parameters : undefined;
}

/** `timingSafeEqual` wants equal lengths. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/**
 * Makes the handler of one sign-in. Anything but its two addresses, any other method and any other
 * `state` gets an error and ends nothing: a page the person has open may send such requests.
 *
 * @param state the value sent along with the authorization request.
 * @param startPath an unguessable path, so that nobody else on the machine can start from it. The
 *   browser opener gets this address only: what a server names never reaches a command line
 *   (CVE-2025-6514).
 */
export function createCallbackHandler(state: string, startPath: string): CallbackHandler {
  const answer = Promise.withResolvers<URLSearchParams>();
  const outcome = Promise.withResolvers<SignInOutcome>();
  let authorizationUrl: URL | undefined;

  const refuse = (status: number, title: string, advice: string) =>
    renderCallbackPage({ status, title, paragraphs: [advice] });

  return {
    startPath,
    answer: answer.promise,
    start(url) {
      authorizationUrl = url;
    },
    finish: outcome.resolve,
    async handle(request) {
      const url = new URL(request.url);
      if (url.pathname !== CALLBACK_PATH && url.pathname !== startPath) {
        return refuse(404, "Nothing here", "This address only serves a sign-in under way.");
      }
      if (request.method !== "GET") {
        const response = await refuse(
          405,
          "Not this way",
          "Only a browser's GET is answered here.",
        );
        response.headers.set("allow", "GET");
        return response;
      }
      if (url.pathname === startPath) {
        if (!authorizationUrl) return refuse(404, "Not yet", "Load this page again in a moment.");
        return new Response(null, {
          status: 302,
          headers: {
            location: authorizationUrl.href,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
          },
        });
      }
      const parameters = readAuthorizationResponse(url, state);
      if (!parameters) {
        return refuse(
          400,
          "Not the sign-in under way",
          "This answer does not belong to the sign-in the client started. Go back to the terminal and open the address shown there.",
        );
      }
      answer.resolve(parameters);
      const { succeeded, title, paragraphs } = await outcome.promise;
      return renderCallbackPage({ status: succeeded ? 200 : 400, title, paragraphs });
    },
  };
}

/** How long the last page may take to be delivered, in milliseconds. */
const CLOSE_TIMEOUT = 1_000;

/** A {@link Listen} on a real port. */
export function listenOnLoopback(
  handle: (request: Request) => Promise<Response>,
  address: { hostname: string; port: number },
): Listener {
  const server = Deno.serve({ ...address, onListen() {} }, handle);
  return {
    port: server.addr.port,
    async close() {
      const patience = Promise.withResolvers<void>();
      const timer = setTimeout(patience.resolve, CLOSE_TIMEOUT);
      await Promise.race([server.shutdown(), patience.promise]);
      clearTimeout(timer);
    },
  };
}
