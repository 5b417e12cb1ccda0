/** A program on top of the client library that fills in every form with its defaults. */

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import { createProgramOptions } from "../../lib/client/program_options.ts";
import { parseServerUrl } from "../../lib/client/server_url.ts";

/**
 * Calls tools one after another.
 *
 * @param address the server.
 * @param names of the tools; they take no arguments.
 */
export async function callTools(address: string, names: readonly string[]): Promise<void> {
  const serverUrl = parseServerUrl(address);
  const options = createProgramOptions({ settings: { timeout: 10_000 } });
  const authorizedFetch = createAuthorizedFetch({ ...options, serverUrl });
  const client = new Client({ name: "forms", version: "1.0.0" }, {
    capabilities: { elicitation: { form: { applyDefaults: true } } },
    versionNegotiation: { mode: "auto" },
  });
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: {} }));
  await client.connect(new StreamableHTTPClientTransport(serverUrl, { fetch: authorizedFetch }));
  await client.listTools();
  for (const name of names) await client.callTool({ name, arguments: {} });
  await client.close();
}
