/** What everything is compared with: the MCP SDK alone, with the same tools and one known token. */

import {
  createMcpHandler,
  McpServer,
  OAuthError,
  requireBearerAuth,
} from "@modelcontextprotocol/server";
import * as z from "zod";

const [port = "0", token = ""] = Deno.args;
const echoInput = z.object({ message: z.string().describe("What to say back") });
const switchInput = z.object({ organization_id: z.string().regex(/^org_\w+$/) });
const annotations = { readOnlyHint: true };
const nobody = () => ({ content: [{ type: "text" as const, text: "nobody" }] });

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "baseline", version: "1" }, {
    capabilities: { tools: { listChanged: false }, resources: { listChanged: false } },
  });
  server.registerTool("echo", {
    description: "Say something back",
    inputSchema: echoInput,
    annotations,
  }, ({ message }) => ({ content: [{ type: "text", text: message }] }));
  server.registerTool("whoami", {
    description: "Tell who is signed in",
    annotations,
  }, nobody);
  server.registerTool(
    "list_organizations",
    { description: "List organizations", annotations },
    nobody,
  );
  server.registerTool("switch_organization", {
    description: "Act for another organization",
    inputSchema: switchInput,
    annotations,
  }, nobody);
  server.registerTool("list_members", { description: "List members", annotations }, nobody);
  server.registerResource(
    "me",
    "workos://me",
    { description: "The signed-in person", mimeType: "application/json" },
    (uri) => ({ contents: [{ uri: uri.href, text: "{}" }] }),
  );
  return server;
});

const authenticate = requireBearerAuth({
  verifier: {
    verifyAccessToken(received) {
      if (received !== token) throw new OAuthError("invalid_token", "unknown token");
      const expiresAt = Math.floor(Date.now() / 1000) + 60;
      return Promise.resolve({ token, clientId: "client", scopes: [], expiresAt });
    },
  },
});

Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen() {} }, async (request) => {
  const authInfo = await authenticate(request);
  return authInfo instanceof Response ? authInfo : await handler.fetch(request, { authInfo });
});
