/** What an application may ask of `/user_management/authorize`. */

import type { AuthenticationMethod } from "@workos-inc/node";
import type { Connection } from "./entities.ts";
import type { Environment } from "./environment.ts";

/** A valid authorization request. */
export interface AuthorizationRequest {
  authenticationMethod: AuthenticationMethod;
  /** Whether AuthKit's own pages lead through the sign-in; they ask for the organization too. */
  hosted: boolean;
  /** The identity provider that says who it is. */
  connection?: Connection;
  /** The organization to sign in to, if it was named or follows from the connection. */
  organizationId?: string | undefined;
  /** S256 challenge (RFC 7636 §4.3). */
  codeChallenge?: string | undefined;
}

/** A refusal that the application learns of at its redirect URI. */
export class AuthorizationError extends Error {
  /**
   * @param code the `error` parameter.
   * @param message the `error_description` parameter.
   */
  constructor(readonly code: string, message: string) {
    super(message);
    this.name = "AuthorizationError";
  }
}

/** The accounts elsewhere that people can sign in with. */
const SOCIAL_PROVIDERS: readonly AuthenticationMethod[] = [
  "AppleOAuth",
  "BitbucketOAuth",
  "GitHubOAuth",
  "GitLabOAuth",
  "GoogleOAuth",
  "IntuitOAuth",
  "LinkedInOAuth",
  "MicrosoftOAuth",
  "SalesforceOAuth",
  "SlackOAuth",
  "VercelMarketplaceOAuth",
  "VercelOAuth",
  "XeroOAuth",
];

/** A base64url SHA-256 (RFC 7636 §4.2). */
const CODE_CHALLENGE = /^[\w-]{43}$/;

/**
 * Reads an authorization request whose client and redirect URI are known to be right.
 *
 * @param parameters the query.
 * @param environment where connections and organizations are looked up.
 * @throws {AuthorizationError} with WorkOS's codes.
 */
export function readAuthorizationRequest(
  parameters: URLSearchParams,
  environment: Environment,
): AuthorizationRequest {
  if (parameters.get("response_type") !== "code") {
    throw new AuthorizationError("unsupported_response_type", 'response_type must be "code".');
  }
  return {
    ...readSelector(parameters, environment),
    codeChallenge: readCodeChallenge(parameters),
  };
}

/** Exactly one of the three says how to sign in; only AuthKit takes an organization besides. */
function readSelector(
  parameters: URLSearchParams,
  environment: Environment,
): Omit<AuthorizationRequest, "codeChallenge"> {
  const provider = parameters.get("provider") ?? undefined;
  const connectionId = parameters.get("connection_id") ?? undefined;
  const organizationId = parameters.get("organization_id") ?? undefined;
  if (provider === "authkit" && connectionId === undefined) {
    if (organizationId !== undefined) checkOrganization(organizationId, environment);
    return { authenticationMethod: "Password", hosted: true, organizationId };
  }
  const selectors = [provider, connectionId, organizationId].filter((value) => value !== undefined);
  if (selectors.length !== 1) {
    throw new AuthorizationError(
      "invalid_connection_selector",
      "Send exactly one of provider, connection_id and organization_id " +
        "(organization_id may accompany provider=authkit).",
    );
  }
  if (provider !== undefined) {
    const method = SOCIAL_PROVIDERS.find((name) => name === provider);
    if (method !== undefined) return { authenticationMethod: method, hosted: false };
    throw new AuthorizationError("invalid_connection_selector", `Unknown provider: ${provider}.`);
  }
  const connection = connectionId !== undefined
    ? findConnection(connectionId, environment)
    : findConnectionOfOrganization(organizationId ?? "", environment);
  return {
    authenticationMethod: "SSO",
    hosted: false,
    connection,
    organizationId: connection.organization_id,
  };
}

function checkOrganization(id: string, environment: Environment): void {
  if (environment.directory.listOrganizations().some((organization) => organization.id === id)) {
    return;
  }
  throw new AuthorizationError("organization_invalid", `There is no organization ${id}.`);
}

function findConnection(id: string, { directory }: Environment): Connection {
  const connection = directory.connections.list().find((connection) => connection.id === id);
  if (connection !== undefined) return connection;
  throw new AuthorizationError("connection_invalid", `There is no connection ${id}.`);
}

function findConnectionOfOrganization(id: string, { directory }: Environment): Connection {
  const [connection, another] = directory.connections.list()
    .filter((connection) => connection.organization_id === id);
  if (connection === undefined) {
    throw new AuthorizationError(
      "organization_invalid",
      "No connection associated with organization.",
    );
  }
  if (another !== undefined) {
    throw new AuthorizationError(
      "ambiguous_connection_selector",
      "The organization has several connections. Send connection_id instead.",
    );
  }
  return connection;
}

function readCodeChallenge(parameters: URLSearchParams): string | undefined {
  const challenge = parameters.get("code_challenge") ?? undefined;
  const method = parameters.get("code_challenge_method") ?? undefined;
  if (challenge === undefined && method === undefined) return undefined;
  if (challenge !== undefined && CODE_CHALLENGE.test(challenge) && method === "S256") {
    return challenge;
  }
  throw new AuthorizationError(
    "invalid_request",
    "code_challenge must be a base64url SHA-256, with code_challenge_method=S256.",
  );
}
