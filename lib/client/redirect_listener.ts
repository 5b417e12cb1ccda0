/** The port a browser comes back to: kept with the registration, another one when it is taken. */

import { createOAuthFetch } from "./oauth_fetch.ts";
import type { OAuthDiscoveryState } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import { CALLBACK_PATH, type CallbackHandler, type Listener } from "./callback_server.ts";
import type { ClientContext } from "./context.ts";
import { issuerOf } from "./discovery.ts";

/**
 * Listens at the redirect URI: on the port the user chose, that of the registration, or a free one.
 *
 * @param discovery the authorization server.
 * @param callback answers the browser.
 * @throws {CommandError} `callback_unavailable` if there is no such port to be had.
 */
export async function openListener(
  { cache, listen, serverUrl, settings }: ClientContext,
  discovery: OAuthDiscoveryState,
  callback: Pick<CallbackHandler, "handle">,
): Promise<{ listener: Listener; redirectUrl: string }> {
  const { callbackHost: hostname, callbackPort } = settings;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const record = await cache.read(serverUrl.href);
  const registered = URL.parse(
    record?.issuers[issuerOf(discovery)]?.registration?.redirect_uri ?? "",
  );
  const keptPort = registered?.hostname === host ? Number(registered.port) : 0;
  const open = (port: number) => {
    const listener = listen(callback.handle, { hostname, port });
    return { listener, redirectUrl: `http://${host}:${listener.port}${CALLBACK_PATH}` };
  };
  try {
    return open(callbackPort ?? keptPort);
  } catch (error) {
    // Taken, or, on Windows, among the ports that are reserved anew at each start.
    if (callbackPort === undefined && keptPort !== 0) return open(0);
    throw new CommandError(
      "callback_unavailable",
      `Cannot listen on ${host}:${
        callbackPort ?? keptPort
      } for the browser to come back. Choose another --callback-port or --callback-host.`,
      ExitCode.unexpected,
      { cause: error },
    );
  }
}

/**
 * Whether an authorization server refuses the client or the redirect URI of an authorization
 * request: it may have lost its registrations (fastmcp#1762), or insist on the registered port
 * though RFC 8252 §7.3 has any accepted (mcp-remote#72). What it shows a browser about that this
 * program would not see, and would wait for in vain. So it is asked first, as a browser without a
 * session: a page or a redirect means that a browser may go there; an error, or a redirect to a page
 * about one, that it may not. Where that is a mistake it costs a registration too many.
 */
export async function refusesClient(
  context: ClientContext,
  { authorizationUrl, redirectUrl }: { authorizationUrl: URL; redirectUrl: string },
): Promise<boolean> {
  const response = await createOAuthFetch(context)(authorizationUrl, {
    redirect: "manual",
    headers: { accept: "text/html" },
  });
  await response.body?.cancel();
  const location = URL.parse(response.headers.get("location") ?? "", authorizationUrl);
  const toErrorPage = location !== null && !location.href.startsWith(`${redirectUrl}?`) &&
    location.searchParams.has("error");
  return response.status >= 400 || toErrorPage;
}
