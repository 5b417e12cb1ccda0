/** Sends the person to the sign-in page and waits for the answer, wherever it comes from. */

import { CommandError, ExitCode } from "../errors.ts";
import { type CallbackHandler, readAuthorizationResponse } from "./callback_server.ts";
import type { ClientContext } from "./context.ts";
import type { SignInProvider } from "./oauth_provider.ts";

/**
 * Sends the person off and waits for the browser, a pasted address, the clock or Ctrl-C.
 *
 * @param provider the sign-in, prepared.
 * @param callback what the browser comes back to.
 * @throws {CommandError} `sign_in_timeout`, `no_browser`, or the reason of Ctrl-C.
 */
export async function awaitAnswer(
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
