/** Discovery documents: protected resource (RFC 9728) and authorization server (RFC 8414). */

import type { Config } from "../config.ts";
import { ASSERTION_ALGORITHMS } from "./client_assertion.ts";
import { AUTH_METHODS, GRANT_TYPES } from "./client_metadata.ts";
import { KNOWN_SCOPES, resourceScopes } from "./scopes.ts";

type Urls = Pick<Config, "baseUrl" | "resource" | "requiredScopes">;

/** Where the resource metadata is found (RFC 9728 §3.1), as named in every challenge. */
export function resourceMetadataUrl({ baseUrl }: Pick<Config, "baseUrl">): string {
  return `${baseUrl}/.well-known/oauth-protected-resource/mcp`;
}

/**
 * Describes `/mcp` (RFC 9728 §2; MCP 2026-07-28, RS-1, RS-2, RS-21).
 *
 * @param authorizationServer issuer of the tokens: this server, unless told.
 */
export function buildResourceMetadata(
  config: Urls,
  authorizationServer: string = config.baseUrl,
): Record<string, unknown> {
  return {
    resource: config.resource,
    authorization_servers: [authorizationServer],
    scopes_supported: resourceScopes(config.requiredScopes),
    bearer_methods_supported: ["header"],
    resource_name: "MCP server with WorkOS sign-in",
  };
}

/**
 * Describes the authorization server (RFC 8414 §2, RFC 9207 §3; MCP 2026-07-28, AS-2, AS-3,
 * AS-16, AS-19). Nothing is named that is not enforced.
 */
export function buildServerMetadata({ baseUrl, requiredScopes }: Urls): Record<string, unknown> {
  return {
    issuer: baseUrl,
    authorization_endpoint: `${baseUrl}/authorize`,
    token_endpoint: `${baseUrl}/token`,
    registration_endpoint: `${baseUrl}/register`,
    revocation_endpoint: `${baseUrl}/revoke`,
    scopes_supported: [...new Set([...KNOWN_SCOPES, ...requiredScopes])],
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: GRANT_TYPES,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  };
}
