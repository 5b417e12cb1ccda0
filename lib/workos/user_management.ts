/** Sign-in through WorkOS User Management (AuthKit, SSO, social logins): the default way. */

import {
  type AuthenticationResponse,
  GenericServerException,
  NotFoundException,
} from "@workos-inc/node";
import type { WorkOSConfig, WorkOSCredentials } from "./config.ts";
import { SignInRefusedError, UnverifiedRenewalError, WorkOSSetupError } from "../errors.ts";
import type { WorkOSApi } from "./api.ts";
import { assertClaims } from "./claims_policy.ts";
import { type AccessTokenClaims, createTokenVerifier } from "./token_verifier.ts";
import type { Identity, Upstream, UpstreamSession } from "./upstream.ts";

/** What {@link createUserManagement} needs. */
export interface UserManagementOptions {
  config: Omit<WorkOSConfig, "credentials"> & { credentials: WorkOSCredentials };
  api: WorkOSApi;
  /** `/auth/callback` of this server, as registered in the WorkOS dashboard. */
  redirectUri: string;
  /** URL of the MCP endpoint, which a JWT template may put into `aud`. */
  resource: string;
  fetch: typeof fetch;
  now: () => number;
}

/** Makes the adapter. It calls nothing until a method is called. */
export function createUserManagement(options: UserManagementOptions): Upstream {
  const { config, api, redirectUri, resource, fetch, now } = options;
  const { credentials: { clientId }, organizationId, connectionId } = config;
  const verifier = createTokenVerifier({
    apiUrl: config.apiUrl,
    clientId,
    ...(config.issuer && { issuer: config.issuer }),
    audience: resource,
    fetch,
    now,
  });
  let connectionOrganization: string | undefined;
  /**
   * The organization people have to come for: the configured one, or the one that the configured
   * connection belongs to. WorkOS's answer does not name the connection a person came by.
   */
  const requireOrganization = async (): Promise<string | undefined> => {
    if (organizationId !== undefined || connectionId === undefined) return organizationId;
    if (connectionOrganization === undefined) {
      const connection = await api.call("manage", ({ sso }) => sso.getConnection(connectionId));
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
    assertClaims(config.requiredClaims, claims, claims.sid);
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
    getAuthorizationUrl({ state, codeChallenge, loginHint, route }) {
      // WorkOS wants exactly one selector, except that AuthKit takes an organization along.
      const selector = route ??
        (connectionId
          ? { connectionId }
          : { provider: "authkit", ...(organizationId && { organizationId }) });
      return api.local.userManagement.getAuthorizationUrl({
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
      const response = await api.call(
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

    async selectOrganization({ pendingToken, organizationId, ipAddress, userAgent }) {
      const required = await prepareAnswer();
      const response = await api.call(
        "exchange",
        (workos) =>
          workos.userManagement.authenticateWithOrganizationSelection({
            clientId,
            pendingAuthenticationToken: pendingToken,
            organizationId,
            ...(ipAddress && { ipAddress }),
            ...(userAgent && { userAgent }),
          }),
      );
      const session = await readSession(response, required ?? organizationId);
      assertConnection(connectionId, session.identity);
      return session;
    },

    async refresh({ refreshToken, authenticationMethod, organizationId: wanted }) {
      const required = await prepareAnswer();
      assertConnection(connectionId, { authenticationMethod });
      assertWanted(required, wanted);
      const response = await api.call(
        "refresh",
        (workos) =>
          workos.userManagement.authenticateWithRefreshToken({
            clientId,
            refreshToken,
            // Named each time: WorkOS would otherwise take the organization last used.
            ...(wanted && { organizationId: wanted }),
          }),
      );
      let session: UpstreamSession;
      try {
        session = await readSession(response, required ?? wanted);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        throw new UnverifiedRenewalError(response.refreshToken, error);
      }
      if (authenticationMethod) session.identity.authenticationMethod ??= authenticationMethod;
      return session;
    },

    async revokeSession(sessionId) {
      await api.call("manage", async (workos) => {
        try {
          await workos.userManagement.revokeSession({ sessionId });
        } catch (error) {
          const isUnknown = error instanceof GenericServerException &&
            error.code === "session_not_found";
          if (!isUnknown && !(error instanceof NotFoundException)) throw error;
        }
      });
    },

    async checkCredentials() {
      await api.call(
        "manage",
        ({ organizations }) => organizations.listOrganizations({ limit: 1 }),
      );
    },

    prepare: () => verifier.prepare(),
  };
}

/** Where one organization is required, no other one is asked for. */
function assertWanted(required: string | undefined, wanted: string | undefined): void {
  if (required === undefined || wanted === undefined || wanted === required) return;
  throw new SignInRefusedError("wrong_organization", "This server is for one organization only.");
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
