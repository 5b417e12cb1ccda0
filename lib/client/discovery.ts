/** Finds the authorization server of an MCP server, and refuses one that is not safe to use. */

import {
  type AuthorizationServerMetadata,
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  IssuerMismatchError,
  type OAuthDiscoveryState,
  type OAuthProtectedResourceMetadata,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import { createOAuthFetch } from "./checked_fetch.ts";
import type { ClientContext } from "./context.ts";
import { toCommandError } from "./failure.ts";
import { sanitizeLine } from "./sanitize.ts";
import { checkNamedUrl } from "./server_url.ts";
import { updateRecord } from "./token_cache.ts";

/** The issuer under which credentials of a discovered authorization server are kept. */
export function issuerOf(discovery: OAuthDiscoveryState): string {
  return discovery.authorizationServerMetadata?.issuer ?? discovery.authorizationServerUrl;
}

/**
 * What a token request has to know of a discovered authorization server: its metadata, and the
 * resource the token is for (RFC 8707; CL-9), letter for letter as the resource names itself.
 */
export function tokenRequestOptions(
  { authorizationServerMetadata, resourceMetadata }: OAuthDiscoveryState,
): { metadata?: AuthorizationServerMetadata; resource?: string } {
  return {
    ...authorizationServerMetadata && { metadata: authorizationServerMetadata },
    ...resourceMetadata && { resource: resourceMetadata.resource },
  };
}

/**
 * Looks the authorization server up anew and remembers what it found: protected resource metadata
 * (RFC 9728; CL-1, CL-14), then the server's own (RFC 8414, OpenID Connect; CL-2, CL-16, CL-17). A
 * server without either is taken at its origin, as MCP 2025-03-26 had it.
 *
 * The SDK's own orchestration falls back to the origin also when the metadata cannot be had right
 * now, which would lead to a sign-in at the wrong place; here such a failure ends the attempt.
 *
 * @param resourceMetadataUrl the `resource_metadata` of a challenge, if there is one.
 * @throws {CommandError} when something does not answer, does not fit, or is not safe to use.
 */
export async function discover(
  context: ClientContext,
  resourceMetadataUrl: string | undefined,
): Promise<OAuthDiscoveryState> {
  const { serverUrl } = context;
  const fetchFn = createOAuthFetch(context);
  const resourceMetadata = await findResourceMetadata(context, resourceMetadataUrl);
  if (
    resourceMetadata &&
    !checkResourceAllowed({
      requestedResource: serverUrl,
      configuredResource: resourceMetadata.resource,
    })
  ) {
    throw new CommandError(
      "resource_mismatch",
      `The server's metadata is for ${
        sanitizeLine(resourceMetadata.resource)
      }, not for ${serverUrl.href}. Use that address, or tell whoever runs the server.`,
      ExitCode.notAuthorized,
    );
  }
  const authorizationServerUrl = resourceMetadata?.authorization_servers?.[0] ??
    new URL("/", serverUrl).href;
  checkNamedUrl(authorizationServerUrl, "authorization server", serverUrl);
  const discovery: OAuthDiscoveryState = {
    authorizationServerUrl,
    ...resourceMetadataUrl !== undefined && { resourceMetadataUrl },
    ...resourceMetadata && { resourceMetadata },
  };
  try {
    const metadata = await discoverAuthorizationServerMetadata(authorizationServerUrl, { fetchFn });
    if (metadata) discovery.authorizationServerMetadata = metadata;
  } catch (error) {
    throw error instanceof IssuerMismatchError || error instanceof CommandError
      ? toCommandError(error)
      : new CommandError(
        "invalid_metadata",
        `The metadata of the authorization server ${
          sanitizeLine(authorizationServerUrl)
        } cannot be read. Tell whoever runs it.`,
        ExitCode.notAuthorized,
        { cause: error },
      );
  }
  checkAuthorizationServer(context, discovery);
  await updateRecord(context.cache, serverUrl.href, (record) => ({ ...record, discovery }));
  context.log.debug("authorization_server_discovered", { issuer: issuerOf(discovery) });
  return discovery;
}

/**
 * Refuses an authorization server that does not promise PKCE with S256 (CL-22), which the SDK lets
 * pass when it says nothing, or that names unsafe addresses (CL-25). Without a metadata document
 * (MCP 2025-03-26) there is nothing to check but PKCE is still used.
 *
 * @throws {CommandError} `pkce_unsupported`, `unsafe_url`.
 */
export function checkAuthorizationServer(
  { serverUrl }: ClientContext,
  { authorizationServerMetadata: metadata }: OAuthDiscoveryState,
): void {
  if (!metadata) return;
  if (!metadata.code_challenge_methods_supported?.includes("S256")) {
    throw new CommandError(
      "pkce_unsupported",
      `The authorization server ${
        sanitizeLine(metadata.issuer)
      } does not offer PKCE with S256, without which a sign-in can be stolen. Tell whoever runs it.`,
      ExitCode.notAuthorized,
    );
  }
  checkNamedUrl(metadata.authorization_endpoint, "sign-in page", serverUrl);
  checkNamedUrl(metadata.token_endpoint, "token endpoint", serverUrl);
  if (metadata.registration_endpoint !== undefined) {
    checkNamedUrl(metadata.registration_endpoint, "registration endpoint", serverUrl);
  }
}

async function findResourceMetadata(
  context: ClientContext,
  resourceMetadataUrl: string | undefined,
): Promise<OAuthProtectedResourceMetadata | undefined> {
  const { serverUrl, log } = context;
  if (resourceMetadataUrl !== undefined) {
    checkNamedUrl(resourceMetadataUrl, "server's metadata", serverUrl);
  }
  try {
    return await discoverOAuthProtectedResourceMetadata(
      serverUrl,
      resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl },
      createOAuthFetch(context),
    );
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const reason = error instanceof Error ? sanitizeLine(error.message) : undefined;
    log.debug("no_resource_metadata", { server: serverUrl.href, reason });
    return undefined;
  }
}
