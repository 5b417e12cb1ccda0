/** Whether the server says who signs its users in (RFC 9728). */

import type { OAuthProtectedResourceMetadata } from "@modelcontextprotocol/client";
import { CommandError } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { checkResource, findResourceMetadata, selectAuthorizationServer } from "../discovery.ts";
import { sanitizeLine } from "../sanitize.ts";
import { describeUrl, type Exchange } from "./answer.ts";
import type { EndpointCheck } from "./endpoint.ts";
import { type Finding, ok, problemOf, warning } from "./finding.ts";

/** What the metadata leads to. */
export interface ResourceMetadataCheck {
  finding: Finding;
  metadata?: OAuthProtectedResourceMetadata | undefined;
  /** Absent when it is not known, or not safe. */
  authorizationServerUrl?: string;
}

/**
 * Looks for the metadata as a sign-in does, and compares its resource letter by letter: this client
 * accepts one that covers the server, others may not (RFC 9728 §3.3; CL-14).
 *
 * @param endpoint the challenge.
 * @param exchanges what has been answered so far.
 */
export async function checkResourceMetadata(
  context: ClientContext,
  { resourceMetadataUrl }: EndpointCheck,
  exchanges: Exchange[],
): Promise<ResourceMetadataCheck> {
  const { serverUrl } = context;
  const step = "resource_metadata";
  let lookedAt = sanitizeLine(resourceMetadataUrl ?? `${serverUrl.origin}/.well-known/…`);
  try {
    const { metadata, absence } = await findResourceMetadata(context, resourceMetadataUrl);
    const last = metadata || resourceMetadataUrl === undefined ? exchanges.at(-1) : undefined;
    if (last) lookedAt = describeUrl(last.url.href);
    const authorizationServerUrl = selectAuthorizationServer(metadata, serverUrl);
    if (!metadata) {
      const finding = warning(step, lookedAt, "none", {
        code: "no_resource_metadata",
        message: resourceMetadataUrl === undefined
          ? "The server does not say who signs its users in (RFC 9728)."
          : `The challenge names metadata that cannot be had: ${absence}.`,
        fault: "mcp_server",
        advice:
          "Its own origin is asked instead, as in MCP 2025-03-26. Newer clients may give up here.",
      });
      return { finding, authorizationServerUrl };
    }
    const finding = compareResource(lookedAt, metadata, serverUrl);
    return { finding, metadata, authorizationServerUrl };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { finding: problemOf(step, lookedAt, error, "mcp_server") };
  }
}

function compareResource(
  lookedAt: string,
  metadata: OAuthProtectedResourceMetadata,
  serverUrl: URL,
): Finding {
  const step = "resource_metadata";
  const resource = sanitizeLine(metadata.resource);
  try {
    checkResource(metadata, serverUrl);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return problemOf(step, lookedAt, error, "mcp_server", `for ${resource}`);
  }
  // A URL without a path is written with or without the slash.
  const names = [serverUrl.href, serverUrl.pathname === "/" ? serverUrl.origin : ""];
  if (!names.includes(metadata.resource)) {
    return warning(step, lookedAt, `for ${resource}`, {
      code: "resource_differs",
      message: `It is for ${resource}, not exactly for ${serverUrl.href}.`,
      fault: "mcp_server",
      advice: "This client accepts that; others may not. Tell whoever runs the server.",
    });
  }
  const servers = metadata.authorization_servers?.length ?? 0;
  if (servers === 0) {
    return warning(step, lookedAt, `for ${resource}, without an authorization server`, {
      code: "no_authorization_server",
      message: "It does not name an authorization server.",
      fault: "mcp_server",
      advice: "The server's own origin is asked instead. Tell whoever runs it.",
    });
  }
  const choice = servers === 1 ? "one authorization server" : `${servers} authorization servers`;
  return ok(step, lookedAt, `for exactly this server, names ${choice}`);
}
