/** How a sign-in ends, or goes on, once WorkOS has answered. */

import type { Audit } from "../audit/audit.ts";
import type { Config } from "../config.ts";
import {
  OAuthError,
  OrganizationSelectionError,
  SignInRefusedError,
  UnavailableError,
  WorkOSSetupError,
} from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import { wantsPage } from "../media_type.ts";
import type { Upstream, UpstreamSession } from "../workos/upstream.ts";
import type { Store } from "../store/store.ts";
import { buildResponseUrl, redirectToClient } from "./authorization_response.ts";
import { endSession } from "./end_session.ts";
import type { FlowCookies } from "./flow_cookies.ts";
import type { Grants } from "./grants.ts";
import { renderRefusedSignIn } from "./pages.ts";
import { isWebsiteRedirect } from "./redirect_uri.ts";
import { findMissingScopes, grantScopes } from "./scopes.ts";
import { sendToWorkOS } from "./send_to_workos.ts";
import { continueSignIn, type SignIn } from "./sign_in.ts";
import type { PendingSignIn, SignIns } from "./sign_ins.ts";
import { watchChanges } from "./watch_changes.ts";

/** What {@link createFinishSignIn} needs. */
export interface FinishSignInOptions {
  config: Pick<Config, "baseUrl" | "requiredScopes">;
  store: Pick<Store, "countAccessChanges" | "markStale">;
  upstream: Upstream;
  grants: Grants;
  signIns: SignIns;
  cookies: FlowCookies;
  log: Log;
  audit: Audit;
}

/** A sign-in whose person has come back; nobody else can go on with it. */
export interface TakenSignIn {
  stage: "sign-in" | "organization";
  signIn: SignIn;
  pending: PendingSignIn;
}

/**
 * Asks WorkOS for the session and leads the browser on: back to the client, whatever happened, or to
 * what WorkOS wants first. Never rejects for what WorkOS answers.
 *
 * @param ask what may throw as {@link Upstream} does, and {@link OAuthError} for the client.
 */
export type FinishSignIn = (
  request: Request,
  taken: TakenSignIn,
  ask: () => Promise<UpstreamSession>,
) => Promise<Response>;

/** Makes the function that ends sign-ins. */
export function createFinishSignIn(options: FinishSignInOptions): FinishSignIn {
  const { config, grants, signIns, cookies, log, audit } = options;

  /** Makes the grant, or leaves no session behind at WorkOS. */
  const admit = async (pending: PendingSignIn, session: UpstreamSession): Promise<string> => {
    const { identity } = session;
    const granted = grantScopes(pending.scopes, identity);
    const missing = findMissingScopes(config.requiredScopes, pending.scopes, granted);
    if (missing.length > 0 || granted.length === 0) {
      const message = explainMissing(missing.length > 0 ? missing : pending.scopes);
      throw new SignInRefusedError("scope_not_granted", message, { identity });
    }
    try {
      const code = await grants.create({ ...pending, granted }, session);
      audit.record({
        action: "mcp.sign_in.completed",
        organizationId: identity.organizationId,
        actor: identity,
        clientId: pending.clientId,
        metadata: {
          ...(identity.authenticationMethod && {
            authentication_method: identity.authenticationMethod,
          }),
          scope: granted.join(" "),
        },
      });
      return code;
    } catch (error) {
      await endSession(options, identity.sessionId);
      throw error;
    }
  };

  const askForOrganization = async (
    request: Request,
    { signIn, pending }: TakenSignIn,
    { pendingToken, organizations }: OrganizationSelectionError,
  ): Promise<Response> => {
    const next = continueSignIn(signIn);
    await signIns.keep(next, { ...pending, selection: { pendingToken, organizations } });
    // To a page of its own, which can be loaded again; this address has used its code up.
    const location = `${config.baseUrl}/auth/organization?state=${next.state}`;
    const headers = new Headers({ location, "cache-control": "no-store" });
    for (const line of cookies.write(request, "organization", next.cookieId, next.cookie)) {
      headers.append("set-cookie", line);
    }
    return new Response(null, { status: 303, headers });
  };

  const proceed = async (
    request: Request,
    taken: TakenSignIn,
    ask: () => Promise<UpstreamSession>,
  ): Promise<Response> => {
    const { pending: { selection: _, ...pending }, signIn } = taken;
    try {
      let session: UpstreamSession | undefined;
      const code = await watchChanges(
        options.store,
        async () => {
          session = await ask();
          return await admit(pending, session);
        },
        () => session?.identity.sessionId,
      );
      return redirectToClient(pending.redirectUri, config.baseUrl, {
        ...(pending.state && { state: pending.state }),
        code,
      });
    } catch (error) {
      if (error instanceof OrganizationSelectionError) {
        return await askForOrganization(request, taken, error);
      }
      const { route } = error instanceof SignInRefusedError ? error : {};
      // Once: WorkOS that sends a person round in circles is not followed.
      if (route === undefined || pending.rerouted) throw error;
      const next = continueSignIn(signIn);
      await signIns.keep(next, { ...pending, rerouted: true });
      log.info("sign_in_rerouted", { client_id: pending.clientId, ...describeRefusal(error) });
      return await sendToWorkOS(options, request, next, { ...pending, route });
    }
  };

  /** The client waits, so it is told of every failure, of ours too. */
  const translate = async (error: unknown): Promise<OAuthError | UnavailableError> => {
    if (error instanceof OAuthError || error instanceof UnavailableError) return error;
    if (error instanceof SignInRefusedError) {
      if (error.identity) await endSession(options, error.identity.sessionId);
      return new OAuthError("access_denied", error.message, 403);
    }
    if (error instanceof WorkOSSetupError) {
      log.error(error.code, { message: error.message });
      const message = "WorkOS refuses this server. Its operator finds the reason in the log.";
      return new OAuthError("server_error", message);
    }
    log.error("internal_error", describeError(error));
    return new OAuthError("server_error", "The server failed. Its log says why.");
  };

  const refuse = async (
    request: Request,
    { clientId, redirectUri, state }: PendingSignIn,
    cause: unknown,
  ): Promise<Response> => {
    const error = await translate(cause);
    log.warning("sign_in_failed", {
      client_id: clientId,
      error: error.code,
      message: error.message,
      ...describeRefusal(cause),
    });
    if (cause instanceof SignInRefusedError && cause.identity) {
      audit.record({
        action: "mcp.sign_in.refused",
        organizationId: cause.identity.organizationId,
        actor: cause.identity,
        clientId,
        metadata: { reason: cause.code },
      });
    }
    const answer = { ...(state && { state }), error };
    // A program on the person's own machine shows the reason itself; few websites do.
    return cause instanceof SignInRefusedError && isWebsiteRedirect(redirectUri) &&
        wantsPage(request)
      ? await renderRefusedSignIn(cause, buildResponseUrl(redirectUri, config.baseUrl, answer))
      : redirectToClient(redirectUri, config.baseUrl, answer);
  };

  return async (request, taken, ask) => {
    const response = await proceed(request, taken, ask)
      .catch((error) => refuse(request, taken.pending, error));
    response.headers.append("set-cookie", cookies.end(taken.stage, taken.signIn.cookieId));
    return response;
  };
}

function describeRefusal(error: unknown): { reason?: string } {
  return error instanceof SignInRefusedError ? { reason: error.code } : {};
}

function explainMissing(missing: readonly string[]): string {
  return missing.includes("email")
    ? "Your e-mail address is not verified at WorkOS. Verify it there and sign in again."
    : `Your WorkOS account lacks what is asked for: ${
      missing.join(" ")
    }. An administrator of your ` +
      "organization can give it to you.";
}
