/** A signed-in MCP client for a server, in one call. */

import {
  Client,
  type RequestOptions,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { createAuthorizedFetch } from "./authorized_fetch.ts";
import type { ConnectOptions } from "./context.ts";
import { toMcpFailure } from "./malformed_answer.ts";
import { sanitizeLine } from "./sanitize.ts";
import { parseServerUrl } from "./server_url.ts";

/** How this client introduces itself to MCP servers. */
const IMPLEMENTATION = { name: "workos-mcp-client", version: "1.0.0" };

/** The SDK's patience with a request, apart from a sign-in that may come in between; milliseconds. */
const REQUEST_TIMEOUT = 120_000;

/** An open connection. */
export interface Connection {
  client: Client;
  /** To be passed with every request: a request waits while a person signs in. */
  requestOptions: RequestOptions;
  close(): Promise<void>;
}

/**
 * Connects to an MCP server, of any protocol revision since 2025-03-26, and signs in if it must.
 *
 * @param serverUrl where the server's MCP endpoint is.
 * @param options see {@link ConnectOptions}.
 * @throws {CommandError} with what to tell the user.
 */
export async function connect(serverUrl: string, options: ConnectOptions): Promise<Connection> {
  const url = parseServerUrl(serverUrl);
  const { log, settings, signal } = options;
  const authorizedFetch = createAuthorizedFetch({ ...options, serverUrl: url });
  const transport = new StreamableHTTPClientTransport(url, { fetch: authorizedFetch });
  const client = new Client(IMPLEMENTATION, { versionNegotiation: { mode: "auto" } });
  client.onerror = (error) => log.debug("mcp_error", { message: sanitizeLine(error.message) });
  // Another program's sign-in may have to be waited for before one's own.
  const requestOptions = { timeout: 2 * settings.timeout + REQUEST_TIMEOUT, signal };
  try {
    await client.connect(transport, requestOptions);
  } catch (error) {
    await authorizedFetch.settled();
    throw toMcpFailure(error);
  }
  log.debug("connected", {
    era: client.getProtocolEra(),
    version: client.getNegotiatedProtocolVersion(),
  });
  return {
    client,
    requestOptions,
    async close() {
      try {
        await transport.terminateSession();
      } catch (error) {
        log.debug("session_not_ended", { message: toMcpFailure(error).message });
      }
      await client.close();
      await authorizedFetch.settled();
    },
  };
}
