/** The page at `/`: what this is, and how to add it to a client. */

import { html } from "hono/html";
import type { Config } from "./config.ts";
import { renderPage } from "./oauth/pages.ts";

/**
 * Renders the page.
 *
 * @param config for the URL to copy.
 * @param name of the MCP server.
 */
export function renderHomePage(
  { resource }: Pick<Config, "resource">,
  name: string,
): Promise<Response> {
  const json = JSON.stringify({ mcpServers: { workos: { url: resource } } }, null, 2);
  const body = html`
    <p>This is an MCP server. Its tools are for people who sign in through WorkOS;
    add it to your MCP client, which opens a browser for that.</p>
    <dl>
      <dt>URL</dt>
      <dd><code>${resource}</code></dd>
    </dl>
    <h2>Claude</h2>
    <p>Settings, Connectors, Add custom connector, with the URL above. For Claude Code:</p>
    <pre tabindex="0"><code>claude mcp add --transport http workos ${resource}</code></pre>
    <h2>Cursor and others with a JSON file</h2>
    <pre tabindex="0"><code>${json}</code></pre>
    <h2>VS Code</h2>
    <pre tabindex="0"><code>code --add-mcp '${JSON.stringify({
      name: "workos",
      type: "http",
      url: resource,
    })}'</code></pre>
    <h2>Command line</h2>
    <pre tabindex="0"><code>deno task client ${resource}</code></pre>
  `;
  return renderPage(name, body, { wide: true });
}
