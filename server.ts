/** An MCP server that lets in only people signed in through WorkOS. Its tools are yours to edit. */

import * as z from "zod";
import { describeCaller } from "./lib/mcp/describe_caller.ts";
import type { McpDefinition } from "./lib/mcp/endpoint.ts";
import { assertOrganization, requirePermission } from "./lib/mcp/require_permission.ts";
import { startServer } from "./lib/start_server.ts";

// Schemas stay outside of `register`, which runs for every request.
const echoInput = z.object({ message: z.string().describe("What to say back") });
const switchInput = z.object({
  organization_id: z.string().regex(/^org_\w+$/).describe("One of list_organizations, org_..."),
});

/** The server's tools and resources. */
export const definition: McpDefinition = {
  name: "WorkOS OAuth Example Server",
  version: "1.0.0",

  register(server, caller, directory) {
    server.registerTool("echo", {
      description: "Say something back",
      inputSchema: echoInput,
      annotations: { readOnlyHint: true },
    }, ({ message }) => ({ content: [{ type: "text", text: message }] }));

    server.registerTool("whoami", {
      description: "Tell who is signed in, for which organization and with which permissions",
      annotations: { readOnlyHint: true },
    }, async () => answer(await describeCaller(caller)));

    server.registerTool("list_organizations", {
      description: "List the organizations that the signed-in person belongs to",
      annotations: { readOnlyHint: true },
    }, async () =>
      answer({
        organizations: await directory.listOrganizations(caller.userId),
        current: caller.organizationId ?? null,
      }));

    server.registerTool("switch_organization", {
      description: "Act for another organization of the signed-in person from now on",
      inputSchema: switchInput,
      annotations: { destructiveHint: false, idempotentHint: true },
    }, async ({ organization_id }) => {
      const { role, permissions } = await caller.switchOrganization(organization_id);
      return answer({ organization_id, role: role ?? null, permissions });
    });

    server.registerTool("list_members", {
      description: "List the members of the organization",
      annotations: { readOnlyHint: true },
      ...requirePermission("members:read"),
    }, async () => answer({ ...await directory.listMembers(assertOrganization(caller)) }));

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

/** Structured for programs, and as text for clients that know no other. */
function answer(content: Record<string, unknown>) {
  return {
    content: [{ type: "text" as const, text: JSON.stringify(content, null, 2) }],
    structuredContent: content,
  };
}

if (import.meta.main) await startServer(definition);
