/** The page on which a person chooses an organization. */

import { html } from "hono/html";
import type { OrganizationChoice } from "../workos/upstream.ts";
import { renderPage } from "./pages.ts";

/**
 * Renders the page.
 *
 * @param server this server's host.
 * @param state names the sign-in that waits.
 */
export function renderOrganizationPage(
  server: string,
  state: string,
  organizations: readonly OrganizationChoice[],
): Promise<Response> {
  const body = html`
    <p>You belong to several organizations. The app acts for the one you choose, with the
    permissions you have there, on the MCP server at <strong>${server}</strong>.</p>
    <form method="post" action="organization">
      <input type="hidden" name="state" value="${state}">
      <div class="choices">${organizations.map(({ id, name }) =>
        html`
          <button name="organization_id" value="${id}">${name}</button>
        `
      )}</div>
    </form>
  `;
  return renderPage("Choose an organization", body);
}
