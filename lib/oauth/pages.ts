/** Pages for people: one look, one policy, everything escaped by the `html` tag. */

import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import {
  OAuthError,
  PageError,
  type PageErrorCode,
  RateLimitedError,
  type SignInRefusedError,
  UnavailableError,
} from "../errors.ts";

/** What the `html` tag makes. */
export type Html = ReturnType<typeof html>;

const STYLE = `
:root { color-scheme: light dark; --line: #d6d9e0; --soft: #5b6270; --accent: #4f46e5;
  --back: #f6f7f9; --card: #fff; --text: #16181d; --warn: #fff6e0; --warn-text: #6b4a00; }
@media (prefers-color-scheme: dark) { :root { --line: #343a46; --soft: #a3abba; --accent: #8b87ff;
  --back: #101216; --card: #191c22; --text: #eceef2; --warn: #3a2e10; --warn-text: #ffdc96; } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  grid-template-columns: minmax(0, 1fr);
  background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { width: 100%; min-width: 0; max-width: 30rem; padding: 2rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem }
main.wide { max-width: 46rem }
h1 { margin: 0 0 1rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere }
h2 { margin: 1.75rem 0 .5rem; font-size: 1rem }
p, ul, dl { margin: 0 0 1rem }
ul { padding-left: 1.25rem }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem }
dt { color: var(--soft) }
dd { margin: 0 }
dd, li, p { min-width: 0; overflow-wrap: anywhere }
small { color: var(--soft); display: block }
code { font: .875em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
pre { margin: 0 0 1rem; padding: .75rem 1rem; overflow-x: auto; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--back) }
.warn { padding: .75rem 1rem; border-radius: .5rem; background: var(--warn);
  color: var(--warn-text) }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem }
.choices { display: grid; gap: .75rem }
.choices button { text-align: left; overflow-wrap: anywhere }
button { flex: 1; padding: .7rem 1rem; font: inherit; font-weight: 600; cursor: pointer;
  border: 1px solid var(--line); border-radius: .5rem; background: transparent; color: inherit }
button[value=approve] { background: #4f46e5; border-color: #4f46e5; color: #fff }
button:focus-visible, a:focus-visible, pre:focus-visible { outline: 3px solid var(--accent);
  outline-offset: 2px }
a { color: var(--accent) }
`;

/**
 * No script, no frame, no foreign resource. There is no `form-action`: Chrome applies it to the
 * redirect after the form too, and would stop the way back to an app's own scheme. `same-origin`
 * as referrer policy, since under `no-referrer` browsers send `Origin: null` with the form.
 */
const PAGE_HEADERS = {
  "content-security-policy": `default-src 'none'; style-src 'sha256-${
    createHash("sha256").update(STYLE).digest("base64")
  }'; base-uri 'none'; frame-ancestors 'none'`,
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=()",
};

/**
 * Renders a page.
 *
 * @param title of the window and, as the page's heading.
 * @param body what stands below the heading.
 * @param options `status` of the answer; `retryAfter` in seconds; `wide` for more than a dialog.
 */
export async function renderPage(
  title: string,
  body: Html,
  { status = 200, retryAfter, wide = false }: {
    status?: number;
    retryAfter?: number;
    wide?: boolean;
  } = {},
): Promise<Response> {
  const page = await html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="robots" content="noindex">
        <title>${title}</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <main${wide ? raw(' class="wide"') : ""}>
    <h1>${title}</h1>
    ${body}
    </main>
    </body>
    </html>
  `;
  const headers = new Headers(PAGE_HEADERS);
  if (retryAfter !== undefined) headers.set("retry-after", String(retryAfter));
  return new Response(page.toString(), { status, headers });
}

const START_AGAIN = "Go back to the app you came from and connect again.";

const PAGE_ERRORS: Record<PageErrorCode, { title: string; text: string }> = {
  already_answered: {
    title: "This sign-in is over",
    text: `It was completed, denied or took too long. ${START_AGAIN}`,
  },
  damaged_form: {
    title: "This form cannot be read",
    text: `It arrived incomplete, or the server was set up anew meanwhile. ${START_AGAIN}`,
  },
  foreign_form: {
    title: "This answer came from another site",
    text: `To protect you, only this server's own page can allow an app. ${START_AGAIN}`,
  },
  other_browser: {
    title: "This sign-in is over, or belongs to another browser",
    text: "It has to end in the browser in which it began, once, within ten minutes, and that " +
      `browser has to keep cookies. ${START_AGAIN}`,
  },
  sign_in_expired: {
    title: "This page is too old",
    text: `A sign-in has to be finished within ten minutes. ${START_AGAIN}`,
  },
  unsolicited: {
    title: "No app is waiting for this sign-in",
    text: "A sign-in here starts at an MCP client, not at WorkOS or a bookmark. " +
      "Add this server to your client and connect from there.",
  },
};

/**
 * Renders what went wrong for a person.
 *
 * @param error anything thrown; what is not an error of ours shows nothing of itself.
 */
export async function renderErrorPage(error: unknown): Promise<Response> {
  if (error instanceof PageError) {
    const { title, text } = PAGE_ERRORS[error.code];
    return await renderPage(title, html`<p>${text}</p>`, { status: error.status });
  }
  if (error instanceof OAuthError) return await renderRefusalPage(error);
  if (error instanceof UnavailableError) {
    const body = html`<p>The sign-in service does not answer right now. Nothing was lost.
Try again in a moment.</p>`;
    const { retryAfter } = error;
    return await renderPage("Please try again shortly", body, { status: 503, retryAfter });
  }
  if (error instanceof RateLimitedError) {
    const { message, retryAfter } = error;
    return await renderPage("Slow down, please", html`<p>${message}</p>`, {
      status: 429,
      retryAfter,
    });
  }
  const body = html`<p>This is our mistake, not yours. The server's log says what happened.</p>`;
  return await renderPage("Something went wrong", body, { status: 500 });
}

/**
 * Renders a refused authorization request.
 *
 * @param error why.
 * @param clientUrl where the client hears of the error, if the person wants to go there; absent
 *   while it is not known which client asks.
 */
export async function renderRefusalPage(error: OAuthError, clientUrl?: string): Promise<Response> {
  const body = html`
    <p>The app that sent you here made a request that this server cannot accept.
    Nothing was shared with it.</p>
    <dl>
      <dt>Reason</dt>
      <dd>${error.message}</dd>
      <dt>Code</dt>
      <dd><code>${error.code}</code></dd>
    </dl>
    ${clientUrl === undefined
      ? html`<p>${START_AGAIN} If it happens again, remove this server from the app and add it
anew.</p>`
      : html`<p>If you came from <strong>${new URL(clientUrl).host}</strong>, go back to it. If not,
close this page.</p>
<p><a href="${clientUrl}">Go back to ${new URL(clientUrl).host}</a></p>`}
  `;
  return await renderPage("This app cannot be connected", body, {
    status: error.status === 401 ? 400 : error.status,
  });
}

/**
 * Renders a sign-in that WorkOS or this server's policy has refused.
 *
 * @param error says what the person or their administrator can do.
 * @param clientUrl where the client hears of it.
 */
export async function renderRefusedSignIn(
  error: SignInRefusedError,
  clientUrl: string,
): Promise<Response> {
  const { host } = new URL(clientUrl);
  const body = html`
    <p class="warn">${error.message}</p>
    <p>Nothing was shared with the app.</p>
    <dl>
      <dt>Code</dt>
      <dd><code>${error.code}</code></dd>
    </dl>
    <p><a href="${clientUrl}">Go back to ${host}</a></p>
  `;
  return await renderPage("You are not signed in", body, { status: 403 });
}
