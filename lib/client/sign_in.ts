/** One interactive sign-in: listener, browser, the answer, and the exchange of its code. */

import {
  auth,
  exchangeAuthorization,
  type OAuthDiscoveryState,
  OAuthError,
  OAuthErrorCode,
  validateAuthorizationResponseIssuer,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import { awaitAnswer } from "./await_answer.ts";
import { createCallbackHandler } from "./callback_server.ts";
import type { ClientContext } from "./context.ts";
import { issuerOf, tokenRequestOptions } from "./discovery.ts";
import { describeOAuthError, isTransient } from "./failure.ts";
import { findNamedClient } from "./known_client.ts";
import { toOAuthFailure } from "./malformed_answer.ts";
import { createOAuthFetch, createTokenFetch } from "./oauth_fetch.ts";
import { CLIENT_NAME, SignInProvider } from "./oauth_provider.ts";
import { openListener, refusesClient } from "./redirect_listener.ts";
import { sanitizeLine } from "./sanitize.ts";
import { withoutRegistration } from "./server_record.ts";
import { updateRecord } from "./token_cache.ts";

/**
 * Signs a person in; afterwards the cache holds the tokens, or that the person declined.
 *
 * @param discovery the authorization server.
 * @param scope scopes to ask for; those the server supports when absent (CL-31).
 * @param isClientKnown whether this program has just seen that the authorization server knows its
 *   client; otherwise a registration kept from earlier is tried first.
 * @throws {CommandError} when the person declines or does not come back in time, when the answer is
 *   not to be trusted, or when a server cannot be reached.
 */
export async function signIn(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
  scope: string | undefined,
  isClientKnown = false,
): Promise<void> {
  const { random, serverUrl, onStep } = context;
  const state = random(32).toBase64({ alphabet: "base64url", omitPadding: true });
  const callback = createCallbackHandler(state, `/start/${random(16).toHex()}`);
  const { listener, redirectUrl } = await openListener(context, discovery, callback);
  const provider = new SignInProvider(context, { discovery, redirectUrl, state });
  const prepare = () =>
    auth(provider, {
      serverUrl,
      fetchFn: createOAuthFetch(context),
      forceReauthorization: true,
      ...scope !== undefined && { scope },
    });
  try {
    if (provider.ignoresMetadataDocument()) {
      onStep({
        name: "metadata_document_unused",
        text: `${
          sanitizeLine(issuerOf(discovery))
        } does not take client id metadata documents; this client registers there instead.`,
      });
    }
    await prepare();
    if (
      !isClientKnown && await provider.usesKeptRegistration() &&
      await refusesClient(context, provider)
    ) {
      provider.registerAnew();
      await prepare();
    }
    callback.start(provider.authorizationUrl);
    const answer = await awaitAnswer(context, provider, callback);
    await redeem(context, provider, answer);
    callback.finish({
      succeeded: true,
      title: "You are signed in",
      paragraphs: [
        `${CLIENT_NAME} is now connected to ${serverUrl.href}.`,
        "You can close this tab and go back to the terminal.",
      ],
    });
    onStep({ name: "signed_in", text: "Signed in." });
  } catch (error) {
    const failure = toOAuthFailure(error);
    callback.finish({
      succeeded: false,
      title: "The sign-in did not finish",
      paragraphs: [failure.message, "You can close this tab and go back to the terminal."],
    });
    if (failure.code === OAuthErrorCode.AccessDenied) {
      const id = random(8).toHex();
      const declined = { id, issuer: issuerOf(discovery), scope, message: failure.message };
      await updateRecord(context.cache, serverUrl.href, (record) => ({ ...record, declined }));
    }
    throw failure;
  } finally {
    await listener.close();
  }
}

/** Checks who answers (RFC 9207; CL-6 to CL-8), then exchanges the code or reports the error. */
async function redeem(
  context: ClientContext,
  provider: SignInProvider,
  answer: URLSearchParams,
): Promise<void> {
  const { cache, serverUrl } = context;
  const discovery = provider.discoveryState();
  const { authorizationServerUrl, authorizationServerMetadata: metadata } = discovery;
  const issuer = issuerOf(discovery);
  const iss = answer.get("iss") ?? undefined;
  validateAuthorizationResponseIssuer({
    iss,
    expectedIssuer: metadata?.issuer,
    issParameterSupported: metadata?.authorization_response_iss_parameter_supported === true,
  });
  const error = answer.get("error");
  if (error !== null) throw refusal(error, answer.get("error_description"));
  const client = await provider.clientInformation({ issuer });
  if (!client) throw new TypeError("The client has vanished during its own sign-in.");
  try {
    // Not `auth()`: it would send a refused code a second time, which ends what the first one gave.
    const tokens = await exchangeAuthorization(authorizationServerUrl, {
      ...tokenRequestOptions(discovery),
      ...iss !== undefined && { iss },
      clientInformation: client,
      authorizationCode: answer.get("code") ?? "",
      codeVerifier: provider.codeVerifier(),
      redirectUri: provider.redirectUrl,
      fetchFn: createTokenFetch(context),
    });
    await provider.saveTokens(tokens, { issuer });
  } catch (error) {
    if (!(error instanceof OAuthError) || isTransient(error.code)) throw error;
    if (error.code !== OAuthErrorCode.InvalidClient) throw refusedCode(error);
    const { href } = serverUrl;
    const isNamed = findNamedClient(context, await cache.read(href), issuer) !== undefined;
    await updateRecord(
      cache,
      href,
      (record) => withoutRegistration(record, issuer, client.client_id),
    );
    throw unknownClient(issuer, isNamed, error);
  }
}

function refusal(code: string, description: string | null): CommandError {
  const reason = describeOAuthError({ code, message: description ?? code });
  const transient = isTransient(code);
  const words = description ? `: ${sanitizeLine(description).replace(/\.$/, "")}` : "";
  return new CommandError(
    sanitizeLine(code, 60),
    code === OAuthErrorCode.AccessDenied
      ? `The sign-in was declined${words}. Run this again to sign in after all.`
      : `The authorization server ended the sign-in (${reason}). ` +
        (transient
          ? "Try again later."
          : "Run this again; if it goes on, tell whoever runs the server."),
    transient ? ExitCode.unreachable : ExitCode.notAuthorized,
  );
}

function refusedCode(cause: OAuthError): CommandError {
  return new CommandError(
    sanitizeLine(cause.code, 60),
    `The authorization server gives nothing for this sign-in (${
      describeOAuthError(cause)
    }). Run this again; if it goes on, tell whoever runs the server.`,
    ExitCode.notAuthorized,
    { cause },
  );
}

/** A sign-in that failed is the last of a run: the new registration is for the next one. */
function unknownClient(issuer: string, isNamed: boolean, cause: OAuthError): CommandError {
  return new CommandError(
    cause.code,
    `${sanitizeLine(issuer)} does not know this client, or not with this secret. ` +
      (isNamed
        ? "Check --client-id and --client-secret."
        : "Run this again: it will register anew."),
    ExitCode.notAuthorized,
    { cause },
  );
}
