/** The pages people see. */

import { createHash } from "node:crypto";
import { html, raw } from "hono/html";

/** Text or markup made with `html`, which escapes whatever is put in. */
export type Markup = ReturnType<typeof html>;

/** A button that answers a page's question. */
export interface Choice {
  value: string;
  /** What the button says. */
  label: string;
  /** A second, smaller line. */
  detail: string;
}

/** A page with one question and a button for each answer. */
export interface ChoicePage {
  title: string;
  /** A sentence under the title. */
  text: string;
  /** Name of the form field the buttons answer. */
  name: string;
  choices: readonly Choice[];
  /** What the form carries along. */
  hidden?: Readonly<Record<string, string>>;
  /** Where giving up leads to. */
  cancelUrl: string;
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#6b7280, #8b93a1); }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif;
  background: light-dark(#f6f7f9, #14161a); color: light-dark(#1b1e24, #e8eaed); }
header { padding: .5rem 1rem; text-align: center; font-size: .875rem;
  background: light-dark(#fff1c2, #423200); color: light-dark(#4a3800, #ffe9a8); }
main { max-width: 30rem; margin: 2rem auto; padding: 0 1rem 2rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
ul { margin: 1.5rem 0; padding: 0; list-style: none; display: grid; gap: .5rem; }
li { overflow-wrap: anywhere; }
button { width: 100%; padding: .75rem 1rem; font: inherit; text-align: start; cursor: pointer;
  border: 1px solid var(--line); border-radius: .5rem; color: inherit;
  background: light-dark(#fff, #1f2228); overflow-wrap: anywhere; }
button:hover { background: light-dark(#e9edff, #2a3045); }
button span { display: block; font-size: .875rem; color: light-dark(#4b5563, #b4bac4); }
a { color: light-dark(#3730a3, #b8bdff); }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid light-dark(#4f46e5, #a5b4fc); outline-offset: 2px; }
`;

const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  // No form-action: Chrome applies it to the redirect after the form too, and would keep people
  // from returning to their application.
  "content-security-policy": `default-src 'none'; style-src 'sha256-${
    createHash("sha256").update(STYLE).digest("base64")
  }'; base-uri 'none'; frame-ancestors 'none'`,
  "x-content-type-options": "nosniff",
  // Not no-referrer, with which Chrome sends `Origin: null` when the form is posted.
  "referrer-policy": "same-origin",
};

/**
 * Renders a page that asks something.
 *
 * @param page what it asks.
 */
export function renderChoicePage(
  { title, text, name, choices, hidden = {}, cancelUrl }: ChoicePage,
): Promise<Response> {
  return renderPage(
    title,
    html`
      <p>${text}</p>
      <form method="post">
        ${Object.entries(hidden).map(([name, value]) =>
          html`<input type="hidden" name="${name}" value="${value}">`
        )}
        <ul>
          ${choices.map(({ value, label, detail }) =>
            html`
              <li><button name="${name}" value="${value}">${label} <span>${detail}</span></button></li>
            `
          )}
        </ul>
      </form>
      <p><a href="${cancelUrl}">Cancel and go back</a></p>
    `,
  );
}

/**
 * Renders any page.
 *
 * @param title of the page, its one heading.
 * @param content what is under it.
 * @param status HTTP status.
 */
export async function renderPage(
  title: string,
  content: Markup,
  status: number = 200,
): Promise<Response> {
  const page = await html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>${title} · WorkOS emulator</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <header>WorkOS emulator — nobody's real account</header>
        <main>
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html>
  `;
  return new Response(page.toString(), { status, headers: HEADERS });
}
