/** Sign-in through WorkOS User Management (AuthKit, SSO, social logins): the default way. */

import {
  type AuthenticationResponse,
  GenericServerException,
  NotFoundException,
  type WorkOS,
} from "@workos-inc/node";
import type { WorkOSConfig, WorkOSCredentials } from "./config.ts";
import {
  OrganizationSelectionError,
  SignInRefusedError,
  UnverifiedRenewalError,
  WorkOSSetupError,
} from "../errors.ts";
import type { WorkOSApi } from "./api.ts";
import { assertClaims } from "./claims_policy.ts";
import { readSessionClaims } from "./session_claims.ts";
import {
  assertAllowed,
  assertConnection,
  assertOrganization,
  assertSamePerson,
  refineRoute,
  refuseOrganization,
} from "./sign_in_policy.ts";
import { type AccessTokenClaims, createTokenVerifier } from "./token_verifier.ts";
import type { Identity, SignInRoute, Upstream, UpstreamSession } from "./upstream.ts";

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

  /** @param asked the organization that was asked for, or that none was; absent: any will do. */
  const readSession = async (
    response: AuthenticationResponse,
    required: string | undefined,
    asked?: { organizationId: string | undefined },
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
    const identity = readIdentity(response, claims);
    assertOrganization(identity, required, asked);
    // An impersonator counts wherever WorkOS names one.
    const act = identity.impersonator && { sub: identity.impersonator };
    assertClaims(config.requiredClaims, { ...claims, ...(act && { act }) }, identity);
    return {
      identity,
      refreshToken: response.refreshToken,
      expiresAt: claims.exp * 1000,
    };
  };

  // WorkOS wants exactly one selector, except that AuthKit takes an organization along.
  const configuredRoute: SignInRoute = connectionId
    ? { connectionId }
    : { provider: "authkit", ...(organizationId && { organizationId }) };

  /** Proves a sign-in, for an organization if it is known already. */
  const authenticate = async (
    organization: string | undefined,
    work: (workos: WorkOS) => Promise<AuthenticationResponse>,
  ): Promise<AuthenticationResponse> => {
    try {
      return await api.call("exchange", work);
    } catch (error) {
      if (!(error instanceof SignInRefusedError)) throw error;
      throw refineRoute(error, configuredRoute, organization);
    }
  };

  const selectOrganization: Upstream["selectOrganization"] = async (selection) => {
    const required = await prepareAnswer();
    assertAllowed(required, selection.organizationId);
    const { pendingToken, organizationId, ipAddress, userAgent } = selection;
    const response = await authenticate(
      organizationId,
      ({ userManagement }) =>
        userManagement.authenticateWithOrganizationSelection({
          clientId,
          pendingAuthenticationToken: pendingToken,
          organizationId,
          ...(ipAddress && { ipAddress }),
          ...(userAgent && { userAgent }),
        }),
    );
    const session = await readSession(response, required, { organizationId });
    assertConnection(connectionId, session.identity.authenticationMethod, session.identity);
    return session;
  };

  return {
    getAuthorizationUrl({ state, codeChallenge, loginHint, route = configuredRoute }) {
      return Promise.resolve(api.local.userManagement.getAuthorizationUrl({
        clientId,
        redirectUri,
        state,
        codeChallenge,
        codeChallengeMethod: "S256",
        ...route,
        ...(loginHint && { loginHint }),
      }));
    },

    async exchangeCode({ code, codeVerifier, ipAddress, userAgent }) {
      const required = await prepareAnswer();
      const client = { ...(ipAddress && { ipAddress }), ...(userAgent && { userAgent }) };
      try {
        const response = await authenticate(
          required,
          ({ userManagement }) =>
            userManagement.authenticateWithCode({ clientId, code, codeVerifier, ...client }),
        );
        const session = await readSession(response, required);
        assertConnection(connectionId, session.identity.authenticationMethod, session.identity);
        return session;
      } catch (error) {
        if (!(error instanceof OrganizationSelectionError) || required === undefined) throw error;
        // Nothing to ask: only one of them will do.
        if (!error.organizations.some(({ id }) => id === required)) throw refuseOrganization();
        const { pendingToken } = error;
        return await selectOrganization({ pendingToken, organizationId: required, ...client });
      }
    },

    selectOrganization,

    async refresh({ refreshToken, authenticationMethod, organizationId: wanted, identity }) {
      const required = await prepareAnswer();
      assertConnection(connectionId, authenticationMethod);
      assertAllowed(required, wanted);
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
        assertSamePerson(identity, response.user.id);
        session = await readSession(response, required, { organizationId: wanted });
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

function readIdentity(response: AuthenticationResponse, claims: AccessTokenClaims): Identity {
  const { user, authenticationMethod, impersonator } = response;
  const name = [user.firstName, user.lastName].filter(Boolean).join(" ");
  return {
    userId: claims.sub,
    sessionId: claims.sid,
    email: user.email,
    emailVerified: user.emailVerified,
    ...readSessionClaims(claims),
    ...(name && { name }),
    ...(user.profilePictureUrl && { pictureUrl: user.profilePictureUrl }),
    ...(authenticationMethod && { authenticationMethod }),
    ...(impersonator && { impersonator: impersonator.email }),
  };
}
