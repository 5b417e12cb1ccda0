/** Sends the person to the sign-in page and waits for the answer, wherever it comes from. */

import { CommandError, ExitCode } from "../errors.ts";
import { type CallbackHandler, readAuthorizationResponse } from "./callback_server.ts";
import type { ClientContext, Step } from "./context.ts";
import type { SignInProvider } from "./oauth_provider.ts";
import { describeSeconds } from "./seconds.ts";

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
  const isAttended = context.isAttended || readLines !== undefined;
  signal.throwIfAborted();
  const over = new AbortController();
  const end = Promise.withResolvers<URLSearchParams>();
  const timer = setTimeout(() => end.reject(nobodyCame(settings.timeout)), settings.timeout);
  signal.addEventListener("abort", () => end.reject(signal.reason), { signal: over.signal });
  callback.answer.then(end.resolve);

  const sayAwaited = () =>
    onStep({
      name: "sign_in_awaited",
      text: "Waiting for the sign-in in the browser; Ctrl-C ends it.",
    });
  const say = (step: Step) => {
    onStep(step);
    sayAwaited();
  };
  const advise = (isBrowserOpen: boolean) => {
    const text = adviseOnReturn?.(redirectUrl, isBrowserOpen);
    if (text !== undefined) onStep({ name: "remote_session", text });
    return text !== undefined;
  };
  onStep({ name: "authorization_url", text: `Sign in at: ${provider.authorizationUrl.href}` });
  const isAdvised = (!openBrowser || isAttended) && advise(openBrowser !== undefined);
  if (openBrowser) {
    onStep({ name: "browser_opened", text: "Opening that address in the browser." });
    openBrowser(new URL(callback.startPath, redirectUrl)).catch((error: Error) => {
      // A browser that is closed once everything is done has not failed.
      if (over.signal.aborted) return;
      if (!isAttended) return end.reject(nobodyThere(context));
      onStep({ name: "browser_failed", text: error.message });
      if (!isAdvised) advise(false);
      sayAwaited();
    });
  }
  if (readLines) {
    onStep({
      name: "paste_invited",
      text:
        "If the browser cannot come back to this machine, paste the address it ends up on here.",
    });
    readPastedAnswer(readLines(over.signal), provider.state(), say).then(
      (answer) => answer && end.resolve(answer),
      end.reject,
    );
  }
  sayAwaited();
  try {
    return await end.promise;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

function nobodyCame(timeout: number): CommandError {
  return new CommandError(
    "sign_in_timeout",
    `Nobody signed in within ${
      describeSeconds(timeout)
    }. Run this again; --timeout gives more time. If the page did not know this client, let "deno task client logout" forget it first.`,
    ExitCode.notAuthorized,
  );
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
  lines: AsyncIterable<string>,
  state: string,
  say: (step: Step) => void,
): Promise<URLSearchParams | undefined> {
  for await (const line of lines) {
    const url = URL.parse(line.trim());
    const answer = url ? readAuthorizationResponse(url, state) : undefined;
    if (answer) return answer;
    if (line.trim() !== "") {
      say({
        name: "paste_rejected",
        text: "That is not it: the address starts like the redirect URI and contains state=…",
      });
    }
  }
  return undefined;
}
