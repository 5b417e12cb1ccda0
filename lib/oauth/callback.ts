/**
 * `GET /auth/callback`, where WorkOS sends the person back. Anybody can call it, so nothing reaches
 * WorkOS before the state is known to belong to a sign-in that this very browser approved.
 */

import { isIP } from "node:net";
import type { Config } from "../config.ts";
import {
  OAuthError,
  PageError,
  SignInRefusedError,
  UnavailableError,
  WorkOSSetupError,
} from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import type { Upstream, UpstreamSession } from "../workos/upstream.ts";
import { type AuthorizationResponse, redirectToClient } from "./authorization_response.ts";
import type { AuthorizationRequest } from "./authorize.ts";
import { endSession } from "./end_session.ts";
import type { FlowCookies } from "./flow_cookies.ts";
import type { Grants } from "./grants.ts";
import { type Parameters, readParameters } from "./parameters.ts";
import { grantScopes } from "./scopes.ts";
import { unseal } from "./sealing.ts";
import { resumeSignIn, type SignIn } from "./sign_in.ts";

/** What {@link createCallback} needs. */
export interface CallbackOptions {
  config: Pick<Config, "baseUrl" | "requiredScopes" | "resource">;
  store: Store;
  upstream: Upstream;
  grants: Grants;
  cookies: FlowCookies;
  log: Log;
  now: () => number;
}

/**
 * Makes the handler of `GET /auth/callback`.
 *
 * @returns a handler of a request and the address it came from. It throws {@link PageError} while
 *   it is not known which client waits, and sends everything else back to that client.
 */
export function createCallback(
  options: CallbackOptions,
): (request: Request, address: string) => Promise<Response> {
  const { config, store, cookies, log, now } = options;

  return async (request, address) => {
    const parameters = readParameters(new URL(request.url).searchParams);
    const signIn = recognise(request, parameters, cookies);
    const row = await store.takeSignIn(signIn.id, now());
    const text = row && unseal(signIn.key, row.sealed, row.id);
    if (text === undefined) throw new PageError("already_answered", 400);
    const authorization: AuthorizationRequest = JSON.parse(text);
    if (authorization.resource !== config.resource) throw new PageError("other_browser", 403);

    const person = { address, userAgent: request.headers.get("user-agent") };
    const answer = await finish(options, person, parameters, signIn, authorization)
      .catch((error) => describeFailure(error, log));
    if (answer.error) {
      log.warning("sign_in_failed", {
        client_id: authorization.clientId,
        error: answer.error.code,
        message: answer.error.message,
      });
    }
    const response = redirectToClient(authorization.redirectUri, config.baseUrl, {
      ...(authorization.state && { state: authorization.state }),
      ...answer,
    });
    response.headers.append("set-cookie", cookies.end("sign-in", signIn.cookieId));
    return response;
  };
}

/** Finds the sign-in this browser began, or says why there is none. */
function recognise(request: Request, parameters: Parameters, cookies: FlowCookies): SignIn {
  const state = parameters.get("state");
  // WorkOS also sends people here who did not start at a client of ours (IdP-initiated sign-in,
  // impersonation from the dashboard). Taking such a code would be login CSRF.
  if (state === undefined) throw new PageError("unsolicited", 400);
  const signIn = resumeSignIn(request, cookies, state);
  if (signIn === undefined) throw new PageError("other_browser", 403);
  return signIn;
}

/** The client waits, so it is told of every failure, of ours too. */
function describeFailure(error: unknown, log: Log): AuthorizationResponse {
  if (error instanceof UnavailableError) return { error };
  log.error("internal_error", describeError(error));
  return { error: new OAuthError("server_error", "The server failed. Its log says why.") };
}

/** From WorkOS's answer to a code of ours, or to the error that the client is told. */
async function finish(
  { config, upstream, grants, log }: CallbackOptions,
  { address, userAgent }: { address: string; userAgent: string | null },
  parameters: Parameters,
  signIn: SignIn,
  authorization: AuthorizationRequest,
): Promise<AuthorizationResponse> {
  const failure = parameters.get("error");
  if (failure !== undefined) return { error: translateError(failure) };
  const code = parameters.get("code");
  if (code === undefined) {
    return { error: new OAuthError("server_error", "WorkOS sent neither a code nor an error.") };
  }
  let session: UpstreamSession;
  try {
    session = await upstream.exchangeCode({
      code,
      codeVerifier: signIn.codeVerifier,
      // A proxy may write something else than an address; WorkOS would refuse the sign-in for it.
      ...(isIP(address) !== 0 && { ipAddress: address }),
      ...(userAgent && { userAgent }),
    });
  } catch (error) {
    if (error instanceof SignInRefusedError) {
      if (error.sessionId !== undefined) await endSession({ upstream, log }, error.sessionId);
      return { error: new OAuthError("access_denied", error.message) };
    }
    if (error instanceof WorkOSSetupError) {
      log.error(error.code, { message: error.message });
      const message = "WorkOS refuses this server. Its operator finds the reason in the log.";
      return { error: new OAuthError("server_error", message) };
    }
    throw error;
  }
  const granted = grantScopes(authorization.scopes, session.identity);
  const missing = config.requiredScopes.filter((scope) =>
    authorization.scopes.includes(scope) && !granted.includes(scope)
  );
  if (missing.length > 0 || granted.length === 0) {
    await endSession({ upstream, log }, session.identity.sessionId);
    const lacking = missing.length > 0 ? missing : authorization.scopes;
    return { error: new OAuthError("access_denied", explainMissing(lacking)) };
  }
  try {
    return { code: await grants.create({ ...authorization, granted }, session) };
  } catch (error) {
    await endSession({ upstream, log }, session.identity.sessionId);
    throw error;
  }
}

function explainMissing(missing: readonly string[]): string {
  return missing.includes("email")
    ? "Your e-mail address is not verified at WorkOS. Verify it there and sign in again."
    : `Your WorkOS account lacks what is asked for: ${missing.join(" ")}.`;
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
