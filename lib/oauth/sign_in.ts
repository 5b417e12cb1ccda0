/**
 * The secrets of one sign-in. All are derived from the cookie of the browser that approved it, so
 * that no other browser, and not even this server alone, can go on with it.
 */

import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { FlowCookies } from "./flow_cookies.ts";
import { encodeBase64Url } from "./random.ts";
import { deriveBytes } from "./sealing.ts";
import { hashToken } from "./tokens.ts";

/** What belongs to one sign-in. */
export interface SignIn {
  /** Names it in the store. */
  id: string;
  /** Names its cookie. */
  cookieId: string;
  /** Value of the cookie. */
  cookie: string;
  /** `state` of the leg to WorkOS. */
  state: string;
  /** PKCE verifier of that leg. */
  codeVerifier: string;
  /** Seals the authorization request while the person is away. */
  key: Uint8Array;
}

/**
 * Begins the sign-in that a consent page leads to. The same page always leads to the same one.
 *
 * @param consentCookie value of the page's cookie.
 */
export function beginSignIn(consentCookie: string): SignIn {
  return deriveSignIn(encodeBase64Url(deriveBytes(consentCookie, "sign-in")));
}

/**
 * Finds the sign-in of a state in the cookies of a request (CD-14).
 *
 * @returns undefined when this browser did not begin it.
 */
export function resumeSignIn(
  request: Request,
  cookies: FlowCookies,
  state: string,
): SignIn | undefined {
  if (!/^[\w-]{43}$/.test(state)) return undefined;
  const cookie = cookies.read(request, "sign-in", cookieIdOf(hashToken(state)));
  const signIn = cookie === undefined ? undefined : deriveSignIn(cookie);
  if (signIn === undefined) return undefined;
  return timingSafeEqual(Buffer.from(signIn.state), Buffer.from(state)) ? signIn : undefined;
}

function deriveSignIn(cookie: string): SignIn {
  const state = encodeBase64Url(deriveBytes(cookie, "state"));
  const id = hashToken(state);
  return {
    id,
    cookieId: cookieIdOf(id),
    cookie,
    state,
    codeVerifier: encodeBase64Url(deriveBytes(cookie, "code verifier")),
    key: deriveBytes(cookie, "authorization request"),
  };
}

function cookieIdOf(id: string): string {
  return id.slice(0, 16);
}
