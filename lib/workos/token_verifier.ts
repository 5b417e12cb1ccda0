/**
 * WorkOS access tokens. They are signed by WorkOS's keys, carry no audience and no scope, and are
 * only ever taken from WorkOS itself, never from a client.
 */

import type { JWTPayload } from "jose";
import * as z from "zod";
import { WorkOSSetupError } from "../errors.ts";
import { fetchDocument } from "./fetch_document.ts";
import { createKeySet, type KeySet } from "./key_set.ts";
import { loadOnce } from "./load_once.ts";
import { SESSION_CLAIMS } from "./session_claims.ts";
import { blameSettings, UntrustedTokenError, verifySignedToken } from "./signed_token.ts";

/** Claims of a WorkOS access token. Others come from a JWT template. */
const CLAIMS = z.looseObject({
  sub: z.string().min(1),
  sid: z.string().min(1),
  exp: z.number(),
  iat: z.number().nullish(),
  client_id: z.string().nullish(),
  ...SESSION_CLAIMS,
});

/** Verified claims. */
export type AccessTokenClaims = z.infer<typeof CLAIMS>;

const DISCOVERY = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

/** What {@link createTokenVerifier} needs. */
export interface TokenVerifierOptions {
  /** Origin of the WorkOS API. */
  apiUrl: string;
  clientId: string;
  /** Expected issuer; discovered when absent. */
  issuer?: string;
  /** An audience that a JWT template may set instead of the client id. */
  audience: string;
  fetch: typeof fetch;
  now: () => number;
}

/** Verifies WorkOS access tokens. */
export interface TokenVerifier {
  /** Fetches issuer and keys if they are not there yet. */
  prepare(): Promise<void>;
  /**
   * Verifies signature, algorithm, issuer, expiry and that the token is for this application.
   *
   * @throws {UnavailableError} when issuer or keys cannot be had.
   * @throws {WorkOSSetupError} when the token is not one to trust, or the clocks disagree.
   */
  verify(accessToken: string): Promise<AccessTokenClaims>;
}

const SETTINGS = "WORKOS_CLIENT_ID, WORKOS_API_KEY and WORKOS_ISSUER belong to the same WorkOS " +
  "environment";

/** Makes a verifier that discovers issuer and keys once, when first needed. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { now } = options;
  const getIssuer = loadOnce(() => discover(options), now);

  return {
    async prepare() {
      const { keys } = await getIssuer();
      await keys.prepare();
    },

    async verify(accessToken) {
      const { issuer, keys } = await getIssuer();
      try {
        const requiredClaims = ["sub", "sid", "exp"];
        const payload = await verifySignedToken(accessToken, { keys, issuer, requiredClaims, now });
        const claims = CLAIMS.safeParse(payload);
        if (!claims.success) throw untrusted("its claims are not those of a WorkOS session");
        assertForUs(payload, options);
        return claims.data;
      } catch (error) {
        throw blameSettings(error, SETTINGS);
      }
    },
  };
}

interface Issuer {
  issuer: string;
  keys: KeySet;
}

async function discover(options: TokenVerifierOptions): Promise<Issuer> {
  const { apiUrl, clientId, issuer, fetch } = options;
  const base = `${apiUrl}/user_management/${clientId}`;
  const { status, body } = await fetchDocument(`${base}/.well-known/openid-configuration`, fetch);
  const document = DISCOVERY.safeParse(status === 200 ? body : {});
  if (!document.success && issuer === undefined) {
    throw new WorkOSSetupError(
      "invalid_client",
      `WorkOS has no sign-in for client ${clientId} (${status}). Check WORKOS_CLIENT_ID ` +
        "and WORKOS_API_URL, or set WORKOS_ISSUER if discovery is switched off.",
    );
  }
  const jwksUri = document.data?.jwks_uri ?? `${apiUrl}/sso/jwks/${clientId}`;
  return {
    issuer: issuer ?? document.data?.issuer ?? base,
    keys: createKeySet(jwksUri, options),
  };
}

/** A token may name its audience or client through a JWT template; then it must be us. */
function assertForUs(payload: JWTPayload, { clientId, audience }: TokenVerifierOptions): void {
  const named = [payload.aud ?? clientId].flat();
  if (!named.includes(clientId) && !named.includes(audience)) {
    throw untrusted(`its audience is neither ${clientId} nor ${audience}`);
  }
  if ((payload.client_id ?? clientId) !== clientId) {
    throw untrusted("it was issued to another client");
  }
}

function untrusted(reason: string): UntrustedTokenError {
  return new UntrustedTokenError("invalid", reason);
}
