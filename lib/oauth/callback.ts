/**
 * `GET /auth/callback`, where WorkOS sends the person back. Anybody can call it, so nothing reaches
 * WorkOS before the state is known to belong to a sign-in that this very browser approved.
 */

import { OAuthError, PageError } from "../errors.ts";
import type { Upstream } from "../workos/upstream.ts";
import type { FinishSignIn } from "./finish_sign_in.ts";
import type { FlowCookies } from "./flow_cookies.ts";
import { readParameters } from "./parameters.ts";
import { resumeSignIn } from "./sign_in.ts";
import type { SignIns } from "./sign_ins.ts";
import { describeVisitor } from "./visitor.ts";

/** What {@link createCallback} needs. */
export interface CallbackOptions {
  upstream: Upstream;
  signIns: SignIns;
  finish: FinishSignIn;
  cookies: FlowCookies;
}

/**
 * Makes the handler of `GET /auth/callback`.
 *
 * @returns a handler of a request and the address it came from. It throws {@link PageError} while
 *   it is not known which client waits, and sends everything else back to that client.
 */
export function createCallback(
  { upstream, signIns, finish, cookies }: CallbackOptions,
): (request: Request, address: string) => Promise<Response> {
  return async (request, address) => {
    const parameters = readParameters(new URL(request.url).searchParams);
    const state = parameters.get("state");
    // WorkOS also sends people here who did not start at a client of ours (IdP-initiated sign-in,
    // impersonation from the dashboard). Taking such a code would be login CSRF.
    if (state === undefined) throw new PageError("unsolicited", 400);
    const signIn = resumeSignIn(request, cookies, "sign-in", state);
    const pending = await signIns.take(signIn);

    return await finish(request, { stage: "sign-in", signIn, pending }, async () => {
      const failure = parameters.get("error");
      if (failure !== undefined) throw translateError(failure);
      const code = parameters.get("code");
      if (code === undefined) {
        throw new OAuthError("server_error", "WorkOS sent neither a code nor an error.");
      }
      const { codeVerifier } = signIn;
      return await upstream.exchangeCode({
        code,
        codeVerifier,
        ...describeVisitor(request, address),
      });
    });
  };
}

/** Errors WorkOS puts on the redirect. Its descriptions are for its own users, so ours go on. */
function translateError(code: string): OAuthError {
  switch (code) {
    case "access_denied":
      return new OAuthError("access_denied", "The sign-in was cancelled or refused at WorkOS.");
    case "organization_invalid":
    case "connection_invalid":
    case "connection_unlinked":
    case "connection_strategy_invalid":
    case "ambiguous_connection_selector":
    case "invalid_connection_selector":
      return new OAuthError(
        "server_error",
        "WorkOS cannot use the configured organization or connection. The operator has to check " +
          `WORKOS_ORGANIZATION_ID and WORKOS_CONNECTION_ID (WorkOS: ${code}).`,
      );
    default:
      return new OAuthError("server_error", "The sign-in failed at WorkOS. Try again.");
  }
}
