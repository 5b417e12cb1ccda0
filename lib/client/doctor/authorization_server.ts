/** Whether the authorization server's metadata can be used, and promises what a sign-in needs. */

import {
  type AuthorizationServerMetadata,
  IssuerMismatchError,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { checkEndpoints, checkPkce, findServerMetadata } from "../discovery.ts";
import { sanitizeLine } from "../sanitize.ts";
import { describeUrl, type Exchange } from "./answer.ts";
import { type Finding, ok, problem, problemOf, warning } from "./finding.ts";

/** What an authorization server says of itself. */
export interface AuthorizationServerCheck {
  finding: Finding;
  metadata?: AuthorizationServerMetadata;
}

/**
 * Looks for the metadata in the order a sign-in does (RFC 8414 §3, OpenID Connect Discovery §4;
 * CL-16) and checks its issuer (CL-17), its addresses (CL-25) and that it gives codes.
 *
 * @param authorizationServerUrl the issuer.
 * @param exchanges what has been answered so far.
 */
export async function checkAuthorizationServer(
  context: ClientContext,
  authorizationServerUrl: string,
  exchanges: Exchange[],
): Promise<AuthorizationServerCheck> {
  const step = "authorization_server";
  const issuer = sanitizeLine(authorizationServerUrl);
  const before = exchanges.length;
  try {
    const metadata = await findServerMetadata(context, authorizationServerUrl);
    if (!metadata) {
      const places = exchanges.slice(before).map(({ url, status }) => `${url.pathname} ${status}`);
      const finding = warning(step, issuer, `no metadata (${sanitizeLine(places.join(", "))})`, {
        code: "no_server_metadata",
        message: "The authorization server does not describe itself (RFC 8414).",
        fault: "authorization_server",
        advice: "/authorize, /token and /register are used, as in MCP 2025-03-26.",
      });
      return { finding };
    }
    const place = describeUrl(exchanges.at(-1)?.url.href ?? "");
    return { finding: judgeMetadata(context, authorizationServerUrl, metadata, place), metadata };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const seen = error.cause instanceof IssuerMismatchError
      ? `calls itself ${sanitizeLine(error.cause.received ?? "")}`
      : undefined;
    const party = error.code === "issuer_mismatch" ? "mcp_server" : "authorization_server";
    return { finding: problemOf(step, issuer, error, party, seen) };
  }
}

function judgeMetadata(
  { serverUrl }: ClientContext,
  authorizationServerUrl: string,
  metadata: AuthorizationServerMetadata,
  place: string,
): Finding {
  const step = "authorization_server";
  const issuer = sanitizeLine(metadata.issuer);
  try {
    checkEndpoints(metadata, serverUrl);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return problemOf(step, place, error, "authorization_server", `issuer ${issuer}`);
  }
  if (!metadata.response_types_supported.includes("code")) {
    return problem(step, place, `issuer ${issuer}`, {
      code: "no_code_flow",
      message: "The authorization server does not give authorization codes to anybody.",
      fault: "authorization_server",
      advice: "Tell whoever runs it: response_types_supported has to contain code.",
    }, ExitCode.notAuthorized);
  }
  if (metadata.issuer !== authorizationServerUrl) {
    return warning(step, place, `issuer ${issuer}`, {
      code: "issuer_slash",
      message: `The MCP server calls it ${
        sanitizeLine(authorizationServerUrl)
      }: a slash more than it calls itself.`,
      fault: "mcp_server",
      advice: "This client accepts that; others may not. Tell whoever runs the MCP server.",
    });
  }
  return ok(step, place, `issuer ${issuer}`);
}

/** Whether PKCE with S256 is promised (CL-22). */
export function checkPkceSupport(
  issuer: string,
  metadata: AuthorizationServerMetadata | undefined,
): Finding {
  const lookedAt = sanitizeLine(issuer);
  if (!metadata) return ok("pkce", lookedAt, "nothing is said about it; S256 is used");
  try {
    checkPkce(metadata);
    return ok("pkce", lookedAt, "S256 is offered");
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const methods = metadata.code_challenge_methods_supported?.join(", ");
    const seen = methods === undefined ? "not mentioned" : `only "${sanitizeLine(methods)}"`;
    return problemOf("pkce", lookedAt, error, "authorization_server", seen);
  }
}
