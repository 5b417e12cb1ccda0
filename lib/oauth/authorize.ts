/** The authorization endpoint (RFC 6749 §4.1.1): everything is checked before anything is shown. */

import type { Config } from "../config.ts";
import { OAuthError } from "../errors.ts";
import type { Log } from "../log.ts";
import { wantsPage } from "../media_type.ts";
import { buildResponseUrl, redirectToClient } from "./authorization_response.ts";
import type { Client, Clients } from "./clients.ts";
import type { Consent } from "./consent.ts";
import { renderRefusalPage } from "./pages.ts";
import { checkResource, readForm, readParameters } from "./parameters.ts";
import { isChallenge } from "./pkce.ts";
import { isWebsiteRedirect, matchesRedirectUri } from "./redirect_uri.ts";
import { selectScopes } from "./scopes.ts";

/** An authorization request that has passed every check. */
export interface AuthorizationRequest {
  clientId: string;
  /** The resource that access was asked for: servers may share a store, but no sign-ins. */
  resource: string;
  redirectUri: string;
  codeChallenge: string;
  scopes: string[];
  /** The client's `state`, returned as it came. */
  state?: string;
  /** E-mail address to prefill at WorkOS (OpenID Connect Core §3.1.2.1). */
  loginHint?: string;
}

/** What {@link createAuthorize} needs. */
export interface AuthorizeOptions {
  config: Pick<Config, "baseUrl" | "resource" | "requiredScopes">;
  clients: Clients;
  consent: Consent;
  log: Log;
}

const MAX_STATE = 4096;
const MAX_LOGIN_HINT = 320;

/**
 * Makes the handler of `GET` and `POST /authorize`.
 *
 * @returns a handler that throws while the client or its redirect URI is not known to be good:
 *   then nothing may be sent anywhere (RFC 6749 §4.1.2.1). Every later problem goes back to the
 *   client: at once to an app on the person's own machine, by a click to a website.
 */
export function createAuthorize(
  { config, clients, consent, log }: AuthorizeOptions,
): (request: Request, address: string) => Promise<Response> {
  return async (request, address) => {
    const params = request.method === "POST"
      ? await readForm(request)
      : new URL(request.url).searchParams;
    const { client, redirectUri } = await identify(params, clients, address);
    try {
      const authorization = readRequest(params, client, redirectUri, config);
      return await consent.show(request, client, authorization);
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      log.info("authorization_refused", {
        client_id: client.id,
        error: error.code,
        message: error.message,
      });
      const state = params.getAll("state").length === 1 ? params.get("state") : null;
      const answer = { ...(state && { state }), error };
      // Anybody can register a website, and nobody has agreed to anything yet: going there at once
      // would make an open redirector of this server (RFC 9700 §4.11.2, AS-25).
      return isWebsiteRedirect(redirectUri) && wantsPage(request)
        ? await renderRefusalPage(error, buildResponseUrl(redirectUri, config.baseUrl, answer))
        : redirectToClient(redirectUri, config.baseUrl, answer);
    }
  };
}

/** Finds the client and the redirect URI, which decide whether errors may be sent back at all. */
async function identify(
  params: URLSearchParams,
  clients: Clients,
  address: string,
): Promise<{ client: Client; redirectUri: string }> {
  const once = new URLSearchParams();
  for (const name of ["client_id", "redirect_uri"]) {
    for (const value of params.getAll(name)) once.append(name, value);
  }
  const parameters = readParameters(once);
  const client = await clients.find(parameters.require("client_id"), address);
  const { redirect_uris: registered, application_type: type } = client.metadata;
  const [only, ...others] = registered;
  const redirectUri = parameters.get("redirect_uri") ?? (others.length === 0 ? only : undefined);
  if (redirectUri === undefined) {
    throw new OAuthError("invalid_request", "redirect_uri is missing.");
  }
  if (!matchesRedirectUri(registered, redirectUri, type)) {
    throw new OAuthError("invalid_request", "redirect_uri is not one this client has registered.");
  }
  return { client, redirectUri };
}

function readRequest(
  params: URLSearchParams,
  client: Client,
  redirectUri: string,
  config: AuthorizeOptions["config"],
): AuthorizationRequest {
  const parameters = readParameters(params);
  if (parameters.require("response_type") !== "code") {
    throw new OAuthError("unsupported_response_type", "response_type must be code.");
  }
  const mode = parameters.get("response_mode");
  if (mode !== undefined && mode !== "query") {
    throw new OAuthError("invalid_request", "response_mode must be query.");
  }
  const codeChallenge = parameters.get("code_challenge");
  if (codeChallenge === undefined || parameters.get("code_challenge_method") !== "S256") {
    throw new OAuthError("invalid_request", "PKCE with code_challenge_method S256 is required.");
  }
  if (!isChallenge(codeChallenge)) {
    throw new OAuthError("invalid_request", "code_challenge is not a SHA-256 in base64url.");
  }
  checkResource(params, config.resource);
  const state = parameters.get("state");
  const loginHint = parameters.get("login_hint");
  if ((state?.length ?? 0) > MAX_STATE || (loginHint?.length ?? 0) > MAX_LOGIN_HINT) {
    throw new OAuthError("invalid_request", "state or login_hint is too long.");
  }
  return {
    clientId: client.id,
    resource: config.resource,
    redirectUri,
    codeChallenge,
    scopes: selectScopes(parameters.get("scope"), config.requiredScopes),
    ...(state !== undefined && { state }),
    ...(loginHint !== undefined && { loginHint }),
  };
}
