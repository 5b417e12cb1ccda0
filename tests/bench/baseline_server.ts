/** What everything is compared with: the MCP SDK alone, with one token it knows by heart. */

import {
  createMcpHandler,
  McpServer,
  OAuthError,
  requireBearerAuth,
} from "@modelcontextprotocol/server";
import * as z from "zod";

const [port = "0", token = ""] = Deno.args;
const echoInput = z.object({ message: z.string() });

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "baseline", version: "1" }, {
    capabilities: { tools: { listChanged: false } },
  });
  server.registerTool("echo", { inputSchema: echoInput }, ({ message }) => ({
    content: [{ type: "text", text: message }],
  }));
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
