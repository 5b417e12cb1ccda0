/**
 * The secrets of one sign-in. All are derived from the cookie of the browser that approved it, so
 * that no other browser, and not even this server alone, can go on with it.
 */

import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { PageError } from "../errors.ts";
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
  /** `state` of the leg to WorkOS, or of our own form. */
  state: string;
  /** PKCE verifier of the leg. */
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
 * Begins what comes after a step of a sign-in that needs another one: a choice of ours, or a second
 * leg to WorkOS. Nothing of the first step can be used for it.
 */
export function continueSignIn(signIn: SignIn): SignIn {
  return deriveSignIn(encodeBase64Url(deriveBytes(signIn.cookie, "next step")));
}

/**
 * Finds the sign-in of a state in the cookies of a request (CD-14).
 *
 * @param stage what the person comes back from.
 * @throws {PageError} `other_browser` when this browser did not begin it.
 */
export function resumeSignIn(
  request: Request,
  cookies: FlowCookies,
  stage: "sign-in" | "organization",
  state: string,
): SignIn {
  const signIn = findSignIn(request, cookies, stage, state);
  if (signIn === undefined) throw new PageError("other_browser", 403);
  return signIn;
}

function findSignIn(
  request: Request,
  cookies: FlowCookies,
  stage: "sign-in" | "organization",
  state: string,
): SignIn | undefined {
  if (!/^[\w-]{43}$/.test(state)) return undefined;
  const cookie = cookies.read(request, stage, cookieIdOf(hashToken(state)));
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
