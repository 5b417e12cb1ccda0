/** Finds the authorization server of an MCP server, and refuses one that is not safe to use. */

import {
  type AuthorizationServerMetadata,
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  type FetchLike,
  IssuerMismatchError,
  type OAuthDiscoveryState,
  type OAuthProtectedResourceMetadata,
} from "@modelcontextprotocol/client";
import * as z from "zod";
import { CommandError, ExitCode } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { ClientContext } from "./context.ts";
import { toCommandError } from "./failure.ts";
import { explainUnreadable } from "./malformed_answer.ts";
import { createOAuthFetch } from "./oauth_fetch.ts";
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
 *
 * A server without resource metadata is one of MCP 2025-03-26, which knew no such parameter, and
 * some of them refuse what they do not know (typescript-sdk#693). For them no resource is named,
 * here as little as in the SDK's authorization request.
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
  const { metadata: resourceMetadata, absence } = await findResourceMetadata(
    context,
    resourceMetadataUrl,
  );
  if (resourceMetadata) checkResource(resourceMetadata, serverUrl);
  const authorizationServerUrl = selectAuthorizationServer(resourceMetadata, serverUrl);
  const metadata = await findServerMetadata(context, authorizationServerUrl);
  const discovery: OAuthDiscoveryState = {
    authorizationServerUrl,
    // Of use for a later question only if there was something.
    ...resourceMetadataUrl !== undefined && absence === undefined && { resourceMetadataUrl },
    ...resourceMetadata && { resourceMetadata },
    ...metadata && { authorizationServerMetadata: metadata },
  };
  checkAuthorizationServer(context, discovery);
  await updateRecord(context.cache, serverUrl.href, (record) => ({ ...record, discovery }));
  context.log.debug("authorization_server_discovered", { issuer: issuerOf(discovery) });
  return discovery;
}

/** What a search for protected resource metadata ended with. */
export interface ResourceMetadataSearch {
  metadata?: OAuthProtectedResourceMetadata;
  /** Why there is none where the challenge says, or anywhere, to complete a sentence. */
  absence?: string;
}

/**
 * Looks for protected resource metadata: where the challenge says, then at the well-known places
 * (RFC 9728 §3.1, §5.1; CL-14). Older servers have none, so that what cannot be read counts as
 * none too.
 *
 * @param resourceMetadataUrl the `resource_metadata` of a challenge, if there is one.
 * @throws {CommandError} `unsafe_url`, or when nobody answers right now.
 */
export async function findResourceMetadata(
  context: ClientContext,
  resourceMetadataUrl: string | undefined,
): Promise<ResourceMetadataSearch> {
  if (resourceMetadataUrl === undefined) return await readResourceMetadata(context, {});
  checkNamedUrl(resourceMetadataUrl, "server's metadata", context.serverUrl);
  const named = await readResourceMetadata(context, { resourceMetadataUrl });
  if (named.metadata) return named;
  return { ...await readResourceMetadata(context, {}), ...named };
}

async function readResourceMetadata(
  context: ClientContext,
  place: { resourceMetadataUrl?: string },
): Promise<ResourceMetadataSearch> {
  const { serverUrl, log } = context;
  try {
    const oauthFetch = createOAuthFetch(context);
    return { metadata: await discoverOAuthProtectedResourceMetadata(serverUrl, place, oauthFetch) };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const absence = explainUnreadable(error);
    log.debug("no_resource_metadata", { server: serverUrl.href, reason: absence });
    return { absence };
  }
}

/**
 * Refuses metadata of another resource: tokens for it would be sent to this one (RFC 9728 §3.3).
 *
 * @throws {CommandError} `resource_mismatch`.
 */
export function checkResource(
  { resource }: OAuthProtectedResourceMetadata,
  serverUrl: URL,
): void {
  if (checkResourceAllowed({ requestedResource: serverUrl, configuredResource: resource })) return;
  throw new CommandError(
    "resource_mismatch",
    `The server's metadata is for ${
      sanitizeLine(resource)
    }, not for ${serverUrl.href}. Use that address, or tell whoever runs the server.`,
    ExitCode.notAuthorized,
  );
}

/**
 * The authorization server to use: the first one named, or the server's own origin.
 *
 * @throws {CommandError} `unsafe_url`.
 */
export function selectAuthorizationServer(
  resourceMetadata: OAuthProtectedResourceMetadata | undefined,
  serverUrl: URL,
): string {
  const url = resourceMetadata?.authorization_servers?.[0] ?? new URL("/", serverUrl).href;
  checkNamedUrl(url, "authorization server", serverUrl);
  return url;
}

/** What RFC 8414 §2 says about revocation. */
const revocationSchema = z.object({
  revocation_endpoint: z.string().optional(),
  revocation_endpoint_auth_methods_supported: z.array(z.string()).optional(),
});

/** What metadata of an authorization server says about revocation. */
export type RevocationMetadata = z.infer<typeof revocationSchema>;

/**
 * Reads what metadata says about revocation (RFC 8414 §2), which the SDK leaves out of the documents
 * of OpenID Connect.
 *
 * @param metadata of an authorization server, as it was sent or as it is kept.
 */
export function readRevocationMetadata(metadata: unknown): RevocationMetadata {
  return revocationSchema.safeParse(metadata).data ?? {};
}

/**
 * Fetches the metadata of an authorization server, whose `issuer` has to be the address it was
 * looked up by (RFC 8414 §3.3; CL-16, CL-17).
 *
 * @param authorizationServerUrl its issuer.
 * @returns `undefined` when it has none.
 * @throws {CommandError} `issuer_mismatch`, `invalid_metadata`, or when it does not answer.
 */
export async function findServerMetadata(
  context: ClientContext,
  authorizationServerUrl: string,
): Promise<AuthorizationServerMetadata | undefined> {
  const oauthFetch = createOAuthFetch(context);
  let document = "";
  const fetchFn: FetchLike = async (input, init) => {
    const response = await oauthFetch(input, init);
    if (!response.ok) return response;
    document = await response.text();
    return new Response(document, response);
  };
  try {
    const metadata = await discoverAuthorizationServerMetadata(authorizationServerUrl, { fetchFn });
    return metadata && { ...metadata, ...readRevocationMetadata(parseJson(document)) };
  } catch (error) {
    throw error instanceof IssuerMismatchError || error instanceof CommandError
      ? toCommandError(error)
      : new CommandError(
        "invalid_metadata",
        `The metadata of the authorization server ${
          sanitizeLine(authorizationServerUrl)
        } cannot be used: ${explainUnreadable(error)}. Tell whoever runs it.`,
        ExitCode.notAuthorized,
        { cause: error },
      );
  }
}

/**
 * Refuses an authorization server that is not safe to use. Without a metadata document
 * (MCP 2025-03-26) there is nothing to check but PKCE is still used.
 *
 * @throws {CommandError} `pkce_unsupported`, `unsafe_url`.
 */
export function checkAuthorizationServer(
  { serverUrl }: ClientContext,
  { authorizationServerMetadata: metadata }: OAuthDiscoveryState,
): void {
  if (!metadata) return;
  checkPkce(metadata);
  checkEndpoints(metadata, serverUrl);
}

/**
 * Refuses an authorization server that does not promise PKCE with S256 (CL-22), which the SDK lets
 * pass when it says nothing.
 *
 * @throws {CommandError} `pkce_unsupported`.
 */
export function checkPkce(metadata: AuthorizationServerMetadata): void {
  if (metadata.code_challenge_methods_supported?.includes("S256")) return;
  throw new CommandError(
    "pkce_unsupported",
    `The authorization server ${
      sanitizeLine(metadata.issuer)
    } does not offer PKCE with S256, without which a sign-in can be stolen. Tell whoever runs it.`,
    ExitCode.notAuthorized,
  );
}

/**
 * Refuses an authorization server that names unsafe addresses (CL-25).
 *
 * @throws {CommandError} `unsafe_url`.
 */
export function checkEndpoints(metadata: AuthorizationServerMetadata, serverUrl: URL): void {
  checkNamedUrl(metadata.authorization_endpoint, "sign-in page", serverUrl);
  checkNamedUrl(metadata.token_endpoint, "token endpoint", serverUrl);
  if (metadata.registration_endpoint !== undefined) {
    checkNamedUrl(metadata.registration_endpoint, "registration endpoint", serverUrl);
  }
}
