/** Other people's MCP clients sign in to the server, in process: only their `fetch` is ours. */

import assert from "node:assert/strict";
import {
  Client,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client";
// The typed entry of this version lacks the suffix that its export map asks for at run time.
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { approve, REDIRECT_URI } from "./support/oauth_client.ts";
import { createWorld, SERVER, type World } from "./support/world.ts";

const METADATA: OAuthClientMetadata = {
  client_name: "Official SDK",
  redirect_uris: [REDIRECT_URI],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
};

/** What an application hands to the SDK: everything kept in memory, the browser scripted. */
function createProvider(world: World) {
  const kept: Record<string, unknown> = {};
  const callback = Promise.withResolvers<URL>();
  // The members are read by name through the two SDKs' own types, so each value has one shape.
  const read = <T>(name: string): T => kept[name] as T;
  return {
    callback: callback.promise,
    provider: {
      redirectUrl: REDIRECT_URI,
      clientMetadata: METADATA,
      clientInformation: () => read<undefined>("client"),
      saveClientInformation: (client: unknown) => void (kept.client = client),
      tokens: () => read<undefined>("tokens"),
      saveTokens: (tokens: unknown) => void (kept.tokens = tokens),
      saveCodeVerifier: (verifier: string) => void (kept.verifier = verifier),
      codeVerifier: () => read<string>("verifier"),
      async redirectToAuthorization(url: URL) {
        callback.resolve(new URL((await approve(world.browser(), url.href)).url));
      },
    } satisfies OAuthClientProvider,
  };
}

Deno.test("the official TypeScript client of today signs in by itself and calls a tool", async () => {
  const world = await createWorld();
  const { provider, callback } = createProvider(world);
  const open = () =>
    new StreamableHTTPClientTransport(new URL(`${SERVER}/mcp`), {
      authProvider: provider,
      fetch: world.fetch,
    });
  const client = new Client({ name: "sdk", version: "2" }, {
    versionNegotiation: { mode: "auto" },
  });
  const first = open();
  await assert.rejects(client.connect(first), UnauthorizedError);
  await first.finishAuth((await callback).searchParams);
  await client.connect(open());
  const result = await client.callTool({ name: "whoami", arguments: {} });
  assert.match(JSON.stringify(result), /alice@acme\.test/);
  assert.equal(client.getNegotiatedProtocolVersion(), "2026-07-28");
  const { tools } = await client.listTools();
  assert.ok(tools.some(({ name }) => name === "echo"));

  // The access token runs out; the client refreshes it and nobody notices.
  world.advance(16 * 60_000);
  const again = await client.callTool({ name: "whoami", arguments: {} });
  assert.match(JSON.stringify(again), /alice@acme\.test/);
  await client.close();
});

Deno.test("the official TypeScript client of the previous generation does too", async () => {
  const world = await createWorld();
  const { provider, callback } = createProvider(world);
  const open = () =>
    new OldTransport(new URL(`${SERVER}/mcp`), { authProvider: provider, fetch: world.fetch });
  const client = new OldClient({ name: "sdk", version: "1" });
  const first = open();
  await assert.rejects(client.connect(first), /Unauthorized/);
  await first.finishAuth((await callback).searchParams.get("code") ?? "");
  await client.connect(open());
  const { tools } = await client.listTools();
  assert.ok(tools.some(({ name }) => name === "echo"));
  const result = await client.callTool({ name: "echo", arguments: { message: "hello" } });
  assert.match(JSON.stringify(result), /hello/);

  // The access token runs out; the client refreshes it and nobody notices.
  world.advance(16 * 60_000);
  const again = await client.callTool({ name: "whoami", arguments: {} });
  assert.match(JSON.stringify(again), /alice@acme\.test/);
  await client.close();
});
