/** The page that asks (MCP 2026-07-28, AS-14, AS-23, CD-4 to CD-8). */

import { html } from "hono/html";
import type { AuthorizationRequest } from "./authorize.ts";
import { isDocumentUrl } from "./client_metadata_document.ts";
import type { Client } from "./clients.ts";
import { renderPage } from "./pages.ts";
import { isLocalRedirect } from "./redirect_uri.ts";
import { describeScope, OFFLINE_ACCESS } from "./scopes.ts";

/** A longer name is cut in the heading, so that the buttons stay in sight; it follows in full. */
const MAX_HEADING = 60;

/**
 * Renders the consent page.
 *
 * @param options `server` is this server's host; `sealed` is the request that the form carries.
 */
export function renderConsentPage(
  options: { server: string; client: Client; authorization: AuthorizationRequest; sealed: string },
): Promise<Response> {
  const { server, client, authorization, sealed } = options;
  const { client_name: clientName, grant_types: grantTypes } = client.metadata;
  const name = clientName ?? "An app without a name";
  const { redirectUri } = authorization;
  const scopes = new Set(authorization.scopes);
  // Said whether it was asked for or not, because it is what happens.
  if (grantTypes.includes("refresh_token")) scopes.add(OFFLINE_ACCESS);

  const body = html`
    <p>It wants to use the tools of the MCP server at <strong>${server}</strong> as you. Next, you
    sign in at WorkOS.</p>
    <dl>
      <dt>App</dt>
      <dd>${name}<small>The app says so itself; nobody has verified it.</small></dd>
      ${isDocumentUrl(client.id)
        ? html`<dt>Published by</dt>
<dd><strong>${new URL(client.id).host}</strong><small><code>${client.id}</code></small></dd>`
        : ""}
      <dt>Goes to</dt>
      <dd><strong>${describeTarget(redirectUri)}</strong>
    <small><code>${redirectUri}</code></small></dd>
    </dl>
    <h2>If you allow it, it can</h2>
    <ul>${[...scopes].map((scope) =>
      html`
        <li>${describeScope(scope)}</li>
      `
    )}</ul>
    ${isLocalRedirect(redirectUri)
      ? html`<p class="warn">The answer goes to a program on this computer. Allow it only if you
have just started connecting an app yourself.</p>`
      : ""}
    <form method="post" action="consent">
      <input type="hidden" name="request" value="${sealed}">
      <div class="actions">
        <button name="decision" value="deny">Deny</button>
        <button name="decision" value="approve">Allow</button>
      </div>
    </form>
  `;
  const letters = [...name];
  const short = letters.length > MAX_HEADING ? `${letters.slice(0, MAX_HEADING).join("")}…` : name;
  return renderPage(`Allow ${short}?`, body);
}

/** Who receives the answer: the host, in the form a person can recognise (AS-14). */
function describeTarget(redirectUri: string): string {
  if (isLocalRedirect(redirectUri)) return `this computer (${new URL(redirectUri).host})`;
  const url = new URL(redirectUri);
  return url.protocol === "https:" ? url.host : `the app that opens ${url.protocol} links`;
}
