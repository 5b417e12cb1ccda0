/** An MCP server that lets in only people signed in through WorkOS. Its tools are yours to edit. */

import * as z from "zod";
import { describeCaller } from "./lib/mcp/describe_caller.ts";
import type { McpDefinition } from "./lib/mcp/endpoint.ts";
import { startServer } from "./lib/start_server.ts";

// Schemas stay outside of `register`, which runs for every request.
const echoInput = z.object({ message: z.string().describe("What to say back") });

/** The server's tools and resources. */
export const definition: McpDefinition = {
  name: "WorkOS OAuth Example Server",
  version: "1.0.0",

  register(server, caller) {
    server.registerTool("echo", {
      description: "Say something back",
      inputSchema: echoInput,
      annotations: { readOnlyHint: true },
    }, ({ message }) => ({ content: [{ type: "text", text: message }] }));

    server.registerTool("whoami", {
      description: "Tell who is signed in, for which organization and with which permissions",
      annotations: { readOnlyHint: true },
    }, async () => {
      const me = await describeCaller(caller);
      return {
        content: [{ type: "text", text: JSON.stringify(me, null, 2) }],
        structuredContent: me,
      };
    });

    server.registerResource("me", "workos://me", {
      description: "The signed-in person",
      mimeType: "application/json",
    }, async (uri) => ({
      contents: [{
        uri: uri.href,
        mimeType: "application/json",
        text: JSON.stringify(await describeCaller(caller), null, 2),
      }],
    }));
  },
};

if (import.meta.main) await startServer(definition);
