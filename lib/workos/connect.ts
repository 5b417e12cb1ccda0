/**
 * Sign-in through a WorkOS Connect OAuth application: OpenID Connect at an AuthKit domain, with this
 * server as a confidential client. Not seen on a live account.
 */

import { createHash } from "node:crypto";
import * as z from "zod";
import { SignInRefusedError, UnverifiedRenewalError, WorkOSSetupError } from "../errors.ts";
import { type AuthKitMetadata, createAuthKitDomain } from "./authkit_domain.ts";
import { assertClaims } from "./claims_policy.ts";
import type { AuthKitConfig, WorkOSConfig } from "./config.ts";
import { type IdTokenClaims, readIdToken } from "./id_token.ts";
import { readSessionClaims, SESSION_CLAIMS } from "./session_claims.ts";
import {
  assertOrganization,
  assertSamePerson,
  refineRoute,
  refuseSwitch,
} from "./sign_in_policy.ts";
import { blameSettings, UntrustedTokenError } from "./signed_token.ts";
import { requestTokens, type TokenSet } from "./token_endpoint.ts";
import type { Identity, Upstream, UpstreamSession } from "./upstream.ts";

/** `offline_access` brings the refresh token, without which nobody could stay signed in. */
const SCOPE = "openid profile email offline_access";

const SETTINGS = "WORKOS_CLIENT_ID and WORKOS_AUTHKIT_DOMAIN belong to the same WorkOS environment";

/** What is read of a Connect access token. */
const ACCESS_TOKEN = z.looseObject({
  sub: z.string().min(1),
  exp: z.number(),
  client_id: z.string(),
  // `app_consent_…`
  sid: z.string().min(1).nullish(),
  ...SESSION_CLAIMS,
});

type AccessTokenClaims = z.infer<typeof ACCESS_TOKEN>;

/** What {@link createConnect} needs. */
export interface ConnectOptions {
  config: Pick<WorkOSConfig, "organizationId" | "requiredClaims">;
  authkit: AuthKitConfig & Required<Pick<AuthKitConfig, "application">>;
  /** `/auth/callback` of this server, as registered with the Connect application. */
  redirectUri: string;
  fetch: typeof fetch;
  now: () => number;
}

/** Makes the adapter. It calls nothing until a method is called. */
export function createConnect(options: ConnectOptions): Upstream {
  const { config, authkit: { issuer, application }, redirectUri, fetch } = options;
  const { clientId } = application;
  const domain = createAuthKitDomain({ ...options, issuer });

  /**
   * The audience is not looked at: WorkOS puts its environment's client id there, or a resource,
   * and neither is known here. It would add nothing, since the token comes from the token endpoint
   * and nowhere else, and `client_id` says that it was issued to this application.
   */
  const verifyAccessToken = async (token: string): Promise<AccessTokenClaims> => {
    const payload = await domain.verify(token, { requiredClaims: ["sub", "exp", "client_id"] });
    const claims = ACCESS_TOKEN.safeParse(payload);
    if (!claims.success) {
      throw new UntrustedTokenError("invalid", "its claims are not those of a Connect application");
    }
    if (claims.data.client_id !== clientId) {
      throw new UntrustedTokenError("invalid", "it was issued to another client");
    }
    return claims.data;
  };

  const verify = async (
    { access_token, id_token }: TokenSet,
    nonce?: string,
  ): Promise<{ claims: AccessTokenClaims; profile: IdTokenClaims | undefined }> => {
    try {
      const claims = await verifyAccessToken(access_token);
      if (id_token === undefined) return { claims, profile: undefined };
      const profile = await readIdToken(domain, id_token, { clientId, nonce });
      if (profile.sub !== claims.sub) {
        throw new UntrustedTokenError("invalid", "the ID token names somebody else");
      }
      return { claims, profile };
    } catch (error) {
      throw blameSettings(error, SETTINGS);
    }
  };

  /** @param asked the organization that was asked for; absent: any will do. */
  const admit = (
    identity: Identity,
    claims: AccessTokenClaims,
    refreshToken: string,
    asked?: { organizationId: string | undefined },
  ): UpstreamSession => {
    assertOrganization(identity, config.organizationId, asked);
    assertClaims(config.requiredClaims, claims, identity);
    return { identity, refreshToken, expiresAt: claims.exp * 1000 };
  };

  const redeem = async (code: string, codeVerifier: string): Promise<TokenSet> => {
    const metadata = await domain.discover();
    const form = {
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri,
      ...(supportsPkce(metadata) && { code_verifier: codeVerifier }),
    };
    const request = { metadata, application, fetch, form, step: "exchange" } as const;
    return await requestTokens(request).catch(takeRouteAway);
  };

  return {
    async getAuthorizationUrl({ state, codeChallenge, loginHint }) {
      const metadata = await domain.discover();
      const url = new URL(metadata.authorization_endpoint);
      const parameters = {
        response_type: "code",
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: SCOPE,
        state,
        nonce: deriveNonce(codeChallenge),
        ...(supportsPkce(metadata) && {
          code_challenge: codeChallenge,
          code_challenge_method: "S256",
        }),
        ...(loginHint && { login_hint: loginHint }),
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },

    async exchangeCode({ code, codeVerifier }) {
      // Whatever may fail is done before a code that works once is spent.
      await domain.prepare();
      const tokens = await redeem(code, codeVerifier);
      const challenge = createHash("sha256").update(codeVerifier).digest("base64url");
      const { claims, profile } = await verify(tokens, deriveNonce(challenge));
      if (profile === undefined || tokens.refresh_token === undefined) {
        const missing = profile ? "refresh token" : "ID token";
        throw new WorkOSSetupError(
          "invalid_client",
          `The AuthKit domain gives no ${missing} for ${SCOPE}. Check the Connect application of ` +
            "WORKOS_CLIENT_ID in the WorkOS dashboard: an OAuth application that people sign in to.",
        );
      }
      const identity = { ...readIdentity(claims), ...readProfile(profile) };
      return admit(identity, claims, tokens.refresh_token);
    },

    selectOrganization() {
      // AuthKit's own pages ask for it, so it is never asked for here.
      return Promise.reject(refuseSwitch());
    },

    async refresh({ refreshToken, organizationId, identity: previous }) {
      if (previous && previous.organizationId !== organizationId) throw refuseSwitch();
      await domain.prepare();
      const tokens = await requestTokens({
        metadata: await domain.discover(),
        application,
        fetch,
        step: "refresh",
        form: { grant_type: "refresh_token", refresh_token: refreshToken },
      }).catch(takeRouteAway);
      const newest = tokens.refresh_token ?? refreshToken;
      try {
        const { claims, profile } = await verify(tokens);
        assertSamePerson(previous, claims.sub);
        // WorkOS need not repeat the ID token (OpenID Connect Core 1.0 §12.2).
        const kept = profile ? readProfile(profile) : pickProfile(previous);
        return admit({ ...readIdentity(claims), ...kept }, claims, newest, { organizationId });
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        throw new UnverifiedRenewalError(newest, error);
      }
    },

    /**
     * Does nothing: WorkOS can only take back what the person allowed this server as a whole, which
     * would sign out all their MCP clients with one of them.
     */
    revokeSession: () => Promise.resolve(),

    /**
     * Exchanges a code that nobody made: a client has to prove who it is before its code is looked
     * at, so a refusal of the code means that the application's credentials are right.
     */
    async checkCredentials() {
      try {
        await redeem("start-up-check", "start-up-check".repeat(4));
      } catch (error) {
        if (!(error instanceof SignInRefusedError)) throw error;
      }
    },

    prepare: () => domain.prepare(),
  };
}

/**
 * Ties the ID token to the request without keeping anything: whoever holds the verifier can derive
 * it again (OpenID Connect Core 1.0 §15.5.2).
 */
function deriveNonce(codeChallenge: string): string {
  return createHash("sha256").update(`nonce ${codeChallenge}`).digest("base64url");
}

function supportsPkce({ code_challenge_methods_supported: methods }: AuthKitMetadata): boolean {
  return methods.includes("S256");
}

function readIdentity(claims: AccessTokenClaims): Identity {
  return {
    userId: claims.sub,
    // Without a consent of its own there is nothing at WorkOS that could be named.
    sessionId: claims.sid ?? claims.sub,
    emailVerified: false,
    ...readSessionClaims(claims),
  };
}

type Profile = Pick<Identity, "email" | "emailVerified" | "name" | "pictureUrl">;

function readProfile({ email, email_verified, name, picture }: IdTokenClaims): Profile {
  return {
    ...(email && { email }),
    emailVerified: email_verified === true,
    ...(name && { name }),
    ...(picture && { pictureUrl: picture }),
  };
}

function pickProfile(identity: Identity | undefined): Profile {
  const { email, emailVerified = false, name, pictureUrl } = identity ?? {};
  return {
    ...(email && { email }),
    emailVerified,
    ...(name && { name }),
    ...(pictureUrl && { pictureUrl }),
  };
}

/** AuthKit's own pages are the only way in, so no refusal leads another way. */
function takeRouteAway(error: unknown): never {
  throw error instanceof SignInRefusedError
    ? refineRoute(error, { provider: "authkit" }, undefined)
    : error;
}
