/** What the server prints when it listens. */

import type { Config } from "./config.ts";

/**
 * Tells what to know and what to copy.
 *
 * @param name of the MCP server.
 * @param address where it listens.
 * @param emulatorUrl where the built-in emulator is, if it stands in for WorkOS.
 */
export function describeServer(
  config: Config,
  name: string,
  { hostname, port }: Deno.NetAddr,
  emulatorUrl?: string,
): string {
  const { baseUrl, resource } = config;
  const cursor = JSON.stringify({ mcpServers: { workos: { url: resource } } });
  const direct = new URL(baseUrl).protocol === "http:" && new URL(baseUrl).port === String(port);
  const listening = direct
    ? ""
    : `\n  Listening on   ${hostname}:${port}, for a proxy at the URL above`;
  return `${name} is at ${baseUrl}

  MCP endpoint   ${resource}${listening}
${describeWorkOS(config, emulatorUrl)}

Add it to a client:
  This project   deno task client ${resource}
  Claude Code    claude mcp add --transport http workos ${resource}
  Cursor         ${cursor}

Ctrl-C stops it.`;
}

/** What has to be entered in the WorkOS dashboard is letter for letter what is compared later. */
function describeWorkOS(
  { baseUrl, resource, workos: { apiUrl, authkit, events }, store }: Config,
  emulatorUrl: string | undefined,
): string {
  if (authkit && !authkit.application) {
    return `  AuthKit        ${authkit.issuer}, where people sign in
  Resource       ${resource}  (enter it in the WorkOS dashboard:
                 Connect, Configuration, resource indicators; exactly like this)`;
  }
  const place = store.kind === "sqlite" ? store.path : store.kind;
  const [which, advice] = emulatorUrl
    ? [`built-in emulator on ${emulatorUrl} (for development: anyone can sign in)`, ""]
    : authkit?.application
    ? [
      `${authkit.issuer}, Connect application ${authkit.application.clientId}`,
      "  (add it to the application in the WorkOS dashboard)",
    ]
    : [apiUrl, "  (add it in the WorkOS dashboard)"];
  const webhook = events === "webhook" && !emulatorUrl
    ? `\n  Webhook        ${baseUrl}/webhooks/workos  (add it in the WorkOS dashboard)`
    : "";
  return `  WorkOS         ${which}
  Redirect URI   ${baseUrl}/auth/callback${advice}${webhook}
  Store          ${place}`;
}
