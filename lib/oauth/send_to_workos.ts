/** The way to WorkOS, for a browser that is known again when it comes back. */

import type { SignInRoute, Upstream } from "../workos/upstream.ts";
import type { FlowCookies } from "./flow_cookies.ts";
import { computeChallenge } from "./pkce.ts";
import type { SignIn } from "./sign_in.ts";

/**
 * Sends the browser to WorkOS with the state, challenge and cookie of a sign-in.
 *
 * @param options `loginHint` is the e-mail address to prefill; `route` a way in other than the
 *   configured one.
 */
export async function sendToWorkOS(
  { upstream, cookies }: { upstream: Upstream; cookies: FlowCookies },
  request: Request,
  signIn: SignIn,
  { loginHint, route }: { loginHint?: string; route?: SignInRoute },
): Promise<Response> {
  const location = await upstream.getAuthorizationUrl({
    state: signIn.state,
    codeChallenge: computeChallenge(signIn.codeVerifier),
    ...(loginHint && { loginHint }),
    ...(route && { route }),
  });
  const headers = new Headers({ location, "cache-control": "no-store" });
  for (const line of cookies.write(request, "sign-in", signIn.cookieId, signIn.cookie)) {
    headers.append("set-cookie", line);
  }
  return new Response(null, { status: 303, headers });
}
