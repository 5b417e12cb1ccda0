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
import {
  type CallbackHandler,
  createCallbackHandler,
  readAuthorizationResponse,
} from "./callback_server.ts";
import type { ClientContext } from "./context.ts";
import { issuerOf, tokenRequestOptions } from "./discovery.ts";
import { isTransient, toCommandError } from "./failure.ts";
import { toOAuthFailure } from "./malformed_answer.ts";
import { createOAuthFetch, createTokenFetch } from "./oauth_fetch.ts";
import { CLIENT_NAME, SignInProvider } from "./oauth_provider.ts";
import { openListener, refusesRedirectUri } from "./redirect_listener.ts";
import { sanitizeLine } from "./sanitize.ts";
import { withoutRegistration } from "./server_record.ts";
import { updateRecord } from "./token_cache.ts";

/**
 * Signs a person in; afterwards the cache holds the tokens, or that the person declined.
 *
 * @param discovery the authorization server.
 * @param scope scopes to ask for; those the server supports when absent (CL-31).
 * @throws {CommandError} when the person declines or does not come back in time, when the answer is
 *   not to be trusted, or when a server cannot be reached.
 */
export async function signIn(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
  scope: string | undefined,
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
    await prepare();
    if (await provider.isOnAnotherPort() && await refusesRedirectUri(context, provider)) {
      provider.registerAnew();
      await prepare();
    }
    callback.start(provider.authorizationUrl);
    const answer = await waitForAnswer(context, provider, callback);
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
      paragraphs: [failure.message, "You can close this tab. The terminal says how to go on."],
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

/** Sends the person off and waits for the browser, a pasted address, the clock or Ctrl-C. */
async function waitForAnswer(
  context: ClientContext,
  provider: SignInProvider,
  callback: CallbackHandler,
): Promise<URLSearchParams> {
  const { onStep, openBrowser, adviseOnReturn, readLines, settings, signal } = context;
  const redirectUrl = new URL(provider.redirectUrl);
  signal.throwIfAborted();
  const over = new AbortController();
  const end = Promise.withResolvers<URLSearchParams>();
  const timer = setTimeout(() => {
    end.reject(
      new CommandError(
        "sign_in_timeout",
        `Nobody signed in within ${
          settings.timeout / 1000
        } seconds. Run this again; --timeout gives more time.`,
        ExitCode.notAuthorized,
      ),
    );
  }, settings.timeout);
  signal.addEventListener("abort", () => end.reject(signal.reason), { signal: over.signal });
  callback.answer.then(end.resolve);
  onStep({ name: "authorization_url", text: `Sign in at: ${provider.authorizationUrl.href}` });
  const advice = adviseOnReturn?.(redirectUrl);
  if (advice !== undefined) onStep({ name: "remote_session", text: advice });
  openBrowser?.(new URL(callback.startPath, redirectUrl)).catch((error: Error) => {
    // A browser that is closed once everything is done has not failed.
    if (over.signal.aborted) return;
    onStep({ name: "browser_failed", text: error.message });
    if (!readLines) end.reject(nobodyThere(context));
  });
  if (readLines) {
    onStep({
      name: "paste_invited",
      text:
        "If the browser cannot come back to this machine, paste the address it ends up on here.",
    });
    readPastedAnswer(context, readLines(over.signal), provider.state()).then(
      (answer) => answer && end.resolve(answer),
      end.reject,
    );
  }
  try {
    return await end.promise;
  } catch (error) {
    const failure = toCommandError(error);
    if (failure.code !== "no_browser") await forgetRegistration(context, provider);
    throw failure;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Waiting would be for nothing: a job or a service hangs until somebody wonders (opencode#36386). */
function nobodyThere({ serverUrl }: ClientContext): CommandError {
  return new CommandError(
    "no_browser",
    `${serverUrl.href} needs a sign-in, but there is neither a terminal nor a browser here. ` +
      "Run this once in a terminal: the sign-in is kept in MCP_CLIENT_CACHE_DIR, which may be copied " +
      "or mounted here. Or let another program open the address above, and say --no-browser.",
    ExitCode.notAuthorized,
  );
}

/** @returns `undefined` when there are no more lines. */
async function readPastedAnswer(
  { onStep }: ClientContext,
  lines: AsyncIterable<string>,
  state: string,
): Promise<URLSearchParams | undefined> {
  for await (const line of lines) {
    const url = URL.parse(line.trim());
    const answer = url ? readAuthorizationResponse(url, state) : undefined;
    if (answer) return answer;
    if (line.trim() !== "") {
      onStep({
        name: "paste_rejected",
        text: "That is not it: the address starts like the redirect URI and contains state=…",
      });
    }
  }
  return undefined;
}

/**
 * Nobody came back: maybe the person saw "unknown client", which this program cannot see. Next
 * time it registers anew, unless tokens still depend on the registration.
 */
async function forgetRegistration(context: ClientContext, provider: SignInProvider): Promise<void> {
  const issuer = issuerOf(provider.discoveryState());
  const client = await provider.clientInformation({ issuer });
  if (!client) return;
  await updateRecord(
    context.cache,
    context.serverUrl.href,
    (record) =>
      record.issuers[issuer]?.tokens
        ? record
        : withoutRegistration(record, issuer, client.client_id),
  );
}

/** Checks who answers (RFC 9207; CL-6 to CL-8), then exchanges the code or reports the error. */
async function redeem(
  context: ClientContext,
  provider: SignInProvider,
  answer: URLSearchParams,
): Promise<void> {
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
    if (error instanceof OAuthError && error.code === OAuthErrorCode.InvalidClient) {
      await forgetRegistration(context, provider);
    }
    throw error;
  }
}

function refusal(code: string, description: string | null): CommandError {
  const reason = sanitizeLine(description ?? code);
  return new CommandError(
    sanitizeLine(code, 60),
    code === OAuthErrorCode.AccessDenied
      ? `The sign-in was declined: ${reason}`
      : `The authorization server ended the sign-in (${sanitizeLine(code, 60)}): ${reason}`,
    isTransient(code) ? ExitCode.unreachable : ExitCode.notAuthorized,
  );
}
