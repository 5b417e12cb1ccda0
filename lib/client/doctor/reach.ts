/** The way to the server: its URL, its name, the connection. */

import { isIP } from "node:net";
import { CommandError, ExitCode } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { type Finding, ok, problem, problemOf, skipped, warning } from "./finding.ts";
import type { Host } from "./network.ts";

/** Why nothing more can be looked at when there is no connection. */
export const UNREACHABLE = "the server cannot be reached";

/** Addresses of a name that are shown. */
const SHOWN_ADDRESSES = 4;

/** Looks at the URL itself. What cannot be a server's URL at all never gets here. */
export function checkUrl({ serverUrl }: ClientContext): Finding {
  const { href, pathname, search } = serverUrl;
  if (search !== "") {
    return warning("url", href, href, {
      code: "url_with_query",
      message: "The URL has a query. It becomes part of the resource a token is for.",
      fault: "you",
      advice: "Leave it away unless the server's documentation has it.",
    });
  }
  if (pathname !== "/" && pathname.endsWith("/")) {
    return warning("url", href, href, {
      code: "url_with_slash",
      message: "The URL ends in a slash, which may make it another resource.",
      fault: "you",
      advice: "Leave it away unless the server's documentation has it.",
    });
  }
  return ok("url", href, href);
}

/**
 * Looks the server's name up. That it is not known here is a problem only if the server was not
 * reached: a proxy may know more.
 *
 * @param failure why the server could not be reached, if so.
 */
export async function checkName(
  { serverUrl }: ClientContext,
  host: Host,
  failure: CommandError | undefined,
): Promise<Finding> {
  const hostname = serverUrl.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(hostname)) return ok("dns", hostname, `${hostname} is an address already`);
  try {
    const addresses = await host.lookup(hostname);
    const shown = addresses.slice(0, SHOWN_ADDRESSES).join(", ");
    return ok("dns", hostname, `${hostname} is ${shown}`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (!failure) {
      return ok("dns", hostname, `${hostname} is not known here, but a proxy gets there`);
    }
    const known = "code" in error && error.code === "ENOTFOUND";
    return problem("dns", hostname, known ? "no such name" : "the name servers do not answer", {
      code: "unknown_host",
      message: known
        ? `DNS knows no address of ${hostname}.`
        : `The address of ${hostname} cannot be asked for.`,
      fault: "network",
      advice: known
        ? "Check the spelling, and whether the name needs a VPN."
        : "Check this machine's network.",
    }, ExitCode.unreachable);
  }
}

/**
 * Says how the connection to the server went: TCP, and TLS with the server's certificate.
 *
 * @param failure why there is none, if so.
 */
export function checkConnection(
  { serverUrl }: ClientContext,
  name: Finding,
  failure: CommandError | undefined,
): Finding {
  const { origin, protocol } = serverUrl;
  if (name.status === "problem") return skipped("connection", origin, UNREACHABLE);
  if (failure) {
    const seen = failure.code.replaceAll("_", " ");
    return problemOf("connection", origin, failure, "mcp_server", seen);
  }
  return ok(
    "connection",
    origin,
    protocol === "https:"
      ? "TLS, with a certificate this machine trusts"
      : "plain http, which stays on this machine",
  );
}
