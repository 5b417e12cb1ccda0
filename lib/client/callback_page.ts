/** The page a person sees when the browser comes back to this client. */

import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import { sanitizeText } from "./sanitize.ts";

const STYLE = `
:root { color-scheme: light dark; font: 1.05rem/1.6 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center }
main { max-width: 34rem; padding: 2rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** What a page says. */
export interface CallbackPage {
  status: number;
  title: string;
  /** One a paragraph; may hold text of servers, which is escaped here. */
  paragraphs: string[];
}

/**
 * Renders a page that runs nothing, loads nothing and cannot be framed: what it says may come from
 * whoever sent the browser here (CVE-2025-62800).
 *
 * @param page see {@link CallbackPage}.
 */
export async function renderCallbackPage(page: CallbackPage): Promise<Response> {
  const body = await html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>${sanitizeText(page.title)}</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <main>
    <h1>${sanitizeText(page.title)}</h1>
    ${page.paragraphs.map((paragraph) => html`<p>${sanitizeText(paragraph)}</p>`)}
        </main>
      </body>
    </html>
  `;
  return new Response(body.toString(), {
    status: page.status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      // Lets the listener close at once.
      "connection": "close",
    },
  });
}
