/** Sign-in through WorkOS User Management (AuthKit, SSO, social logins): the default way. */

import { type AuthenticationResponse, NotFoundException, WorkOS } from "@workos-inc/node";
import type { WorkOSConfig, WorkOSCredentials } from "../config.ts";
import { SignInRefusedError, UnverifiedRenewalError, WorkOSSetupError } from "../errors.ts";
import { translateApiError } from "./api_errors.ts";
import { type AccessTokenClaims, createTokenVerifier } from "./token_verifier.ts";
import type { Identity, Upstream, UpstreamSession } from "./upstream.ts";

/** Longest wait for one call, in milliseconds. A renewal's reservation lasts longer. */
const TIMEOUT = 5000;

/** What {@link createUserManagement} needs. */
export interface UserManagementOptions {
  config: Omit<WorkOSConfig, "credentials"> & { credentials: WorkOSCredentials };
  /** `/auth/callback` of this server, as registered in the WorkOS dashboard. */
  redirectUri: string;
  /** URL of the MCP endpoint, which a JWT template may put into `aud`. */
  resource: string;
  fetch: typeof fetch;
  now: () => number;
}

/** Makes the adapter. It calls nothing until a method is called. */
export function createUserManagement(options: UserManagementOptions): Upstream {
  const { config, redirectUri, resource, fetch, now } = options;
  const { credentials: { clientId, apiKeys }, organizationId, connectionId } = config;
  const verifier = createTokenVerifier({
    apiUrl: config.apiUrl,
    clientId,
    ...(config.issuer && { issuer: config.issuer }),
    audience: resource,
    fetch,
    now,
  });
  const [apiKey, ...otherKeys] = apiKeys;
  const firstClient = createClient(apiKey, options);
  const clients = [firstClient, ...otherKeys.map((key) => createClient(key, options))];

  /** Calls with the first key that WorkOS accepts; a refused key has used nothing up. */
  const call = async <T>(
    step: "exchange" | "refresh" | "manage",
    work: (workos: WorkOS) => Promise<T>,
  ): Promise<T> => {
    let refused: unknown;
    for (const workos of clients) {
      try {
        return await work(workos);
      } catch (error) {
        const translated = translateApiError(error, step);
        if (!(translated instanceof WorkOSSetupError)) throw translated;
        refused = translated;
      }
    }
    throw refused;
  };

  let connectionOrganization: string | undefined;
  /**
   * The organization people have to come for: the configured one, or the one that the configured
   * connection belongs to. WorkOS's answer does not name the connection a person came by.
   */
  const requireOrganization = async (): Promise<string | undefined> => {
    if (organizationId !== undefined || connectionId === undefined) return organizationId;
    if (connectionOrganization === undefined) {
      const connection = await call("manage", ({ sso }) => sso.getConnection(connectionId));
      if (connection.organizationId === undefined) {
        throw new WorkOSSetupError(
          "invalid_connection",
          "The connection of WORKOS_CONNECTION_ID belongs to no organization, so nobody can be " +
            "told to have come by it. Use one that does.",
        );
      }
      connectionOrganization = connection.organizationId;
    }
    return connectionOrganization;
  };

  /** Whatever may fail is done before a credential that works once is spent. */
  const prepareAnswer = async (): Promise<string | undefined> => {
    await verifier.prepare();
    return await requireOrganization();
  };

  const readSession = async (
    response: AuthenticationResponse,
    required: string | undefined,
  ): Promise<UpstreamSession> => {
    const claims = await verifier.verify(response.accessToken);
    const organization = claims.org_id ?? undefined;
    if (
      claims.sub !== response.user.id || organization !== (response.organizationId ?? undefined)
    ) {
      throw new WorkOSSetupError(
        "invalid_token",
        "WorkOS's token and answer name different people.",
      );
    }
    if (required !== undefined && organization !== required) {
      throw new SignInRefusedError(
        "wrong_organization",
        "This server is for members of one organization, and you signed in for another.",
        { sessionId: claims.sid },
      );
    }
    return {
      identity: readIdentity(response, claims),
      refreshToken: response.refreshToken,
      expiresAt: claims.exp * 1000,
    };
  };

  return {
    getAuthorizationUrl({ state, codeChallenge, loginHint }) {
      // WorkOS wants exactly one selector, except that AuthKit takes an organization along.
      const selector = connectionId
        ? { connectionId }
        : { provider: "authkit", ...(organizationId && { organizationId }) };
      return firstClient.userManagement.getAuthorizationUrl({
        clientId,
        redirectUri,
        state,
        codeChallenge,
        codeChallengeMethod: "S256",
        ...selector,
        ...(loginHint && { loginHint }),
      });
    },

    async exchangeCode({ code, codeVerifier, ipAddress, userAgent }) {
      const required = await prepareAnswer();
      const response = await call(
        "exchange",
        (workos) =>
          workos.userManagement.authenticateWithCode({
            clientId,
            code,
            codeVerifier,
            ...(ipAddress && { ipAddress }),
            ...(userAgent && { userAgent }),
          }),
      );
      const session = await readSession(response, required);
      assertConnection(connectionId, session.identity);
      return session;
    },

    async refresh({ refreshToken, authenticationMethod }) {
      const required = await prepareAnswer();
      assertConnection(connectionId, { authenticationMethod });
      const response = await call(
        "refresh",
        (workos) => workos.userManagement.authenticateWithRefreshToken({ clientId, refreshToken }),
      );
      let session: UpstreamSession;
      try {
        session = await readSession(response, required);
      } catch (error) {
        if (error instanceof SignInRefusedError || !(error instanceof Error)) throw error;
        throw new UnverifiedRenewalError(response.refreshToken, error);
      }
      if (authenticationMethod) session.identity.authenticationMethod ??= authenticationMethod;
      return session;
    },

    async revokeSession(sessionId) {
      await call("manage", async (workos) => {
        try {
          await workos.userManagement.revokeSession({ sessionId });
        } catch (error) {
          if (!(error instanceof NotFoundException)) throw error;
        }
      });
    },

    async checkCredentials() {
      await call("manage", ({ organizations }) => organizations.listOrganizations({ limit: 1 }));
    },

    prepare: () => verifier.prepare(),
  };
}

/** What was chosen by the URL that went through the browser is checked on what came back. */
function assertConnection(
  connectionId: string | undefined,
  { authenticationMethod, sessionId }: {
    authenticationMethod?: string | undefined;
    sessionId?: string;
  },
): void {
  if (connectionId === undefined || authenticationMethod === "SSO") return;
  throw new SignInRefusedError(
    "wrong_connection",
    "This server wants you to sign in through your company's single sign-on.",
    { sessionId },
  );
}

/**
 * One client a key. No retries: codes and refresh tokens work once, and a retry after a lost answer
 * would turn a success into `invalid_grant`. Key and id are passed explicitly, since the SDK would
 * otherwise look into the environment.
 */
function createClient(apiKey: string, { config, fetch }: UserManagementOptions): WorkOS {
  const { hostname, port, protocol } = new URL(config.apiUrl);
  return new WorkOS({
    apiKey,
    clientId: config.credentials.clientId,
    apiHostname: hostname,
    ...(port && { port: Number(port) }),
    https: protocol === "https:",
    timeout: TIMEOUT,
    maxRetries: 0,
    fetchFn: fetch,
  });
}

function readIdentity(response: AuthenticationResponse, claims: AccessTokenClaims): Identity {
  const { user, authenticationMethod, impersonator } = response;
  const name = [user.firstName, user.lastName].filter(Boolean).join(" ");
  const actor = impersonator?.email ?? claims.act?.sub;
  return {
    userId: claims.sub,
    sessionId: claims.sid,
    email: user.email,
    emailVerified: user.emailVerified,
    roles: claims.roles ?? (claims.role ? [claims.role] : []),
    permissions: claims.permissions ?? [],
    entitlements: claims.entitlements ?? [],
    featureFlags: claims.feature_flags ?? [],
    ...(claims.org_id && { organizationId: claims.org_id }),
    ...(name && { name }),
    ...(user.profilePictureUrl && { pictureUrl: user.profilePictureUrl }),
    ...(claims.role && { role: claims.role }),
    ...(authenticationMethod && { authenticationMethod }),
    ...(actor && { impersonator: actor }),
  };
}
