/** Which addresses this client talks to, opens and sends secrets to. */

import { CommandError, ExitCode } from "../errors.ts";
import { isLoopbackHost } from "../loopback.ts";

/**
 * Reads the URL of an MCP server and brings it into its one canonical form, under which the cache
 * knows the server. A trailing slash of the path stays: it may name another resource.
 *
 * @param text what the user gave.
 * @throws {CommandError} `usage` unless it is https, or http on this machine: a bearer token would
 *   travel readable.
 */
export function parseServerUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new CommandError(
      "usage",
      `The server has to be an http or https URL, such as http://localhost:8000/mcp.`,
      ExitCode.usage,
    );
  }
  url.hash = "";
  if (url.username || url.password) {
    throw new CommandError(
      "usage",
      "The server's URL must not contain a user name or password.",
      ExitCode.usage,
    );
  }
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
    const secure = new URL(url);
    secure.protocol = "https:";
    throw new CommandError(
      "usage",
      `Plain http is for servers on this machine: the token would travel readable. Use ${secure.href} instead.`,
      ExitCode.usage,
    );
  }
  return url;
}

/**
 * Checks an address that a server names before it is fetched, opened or shown as openable: https,
 * or http on this machine, without user info (CL-25; CVE-2025-6514 began with an address like
 * `http://$(calc.exe)`). Only a server on this machine may name addresses on this machine,
 * or a remote one could aim requests at the user's local services (CL-27).
 *
 * @param address what the server names.
 * @param purpose what it is for, to complete "The address of the …".
 * @param serverUrl the MCP server on whose behalf it is used.
 * @throws {CommandError} `unsafe_url`.
 */
export function checkNamedUrl(address: string, purpose: string, serverUrl: URL): URL {
  const url = URL.parse(address);
  const refuse = (why: string) =>
    new CommandError(
      "unsafe_url",
      `The address of the ${purpose} ${why}. Nothing was opened or sent; tell whoever runs ${serverUrl.origin}.`,
      ExitCode.notAuthorized,
    );
  if (!url) throw refuse("is not a URL");
  if (url.username || url.password) throw refuse("contains a user name or password");
  const local = isLoopbackHost(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
    throw refuse(`uses ${url.protocol.slice(0, -1)}, not https`);
  }
  if (local && !isLoopbackHost(serverUrl.hostname)) {
    throw refuse("points at this machine, but the server is elsewhere");
  }
  return url;
}
