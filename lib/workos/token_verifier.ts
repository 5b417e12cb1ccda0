/**
 * WorkOS access tokens. They are signed by WorkOS's keys, carry no audience and no scope, and are
 * only ever taken from WorkOS itself, never from a client.
 */

import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from "jose";
import * as z from "zod";
import { UnavailableError, WorkOSSetupError } from "../errors.ts";

/** Accepted difference between this machine's clock and WorkOS's, in seconds. */
const CLOCK_TOLERANCE = 30;

/** Longest wait for discovery and keys, in milliseconds. */
const TIMEOUT = 5000;

/**
 * Claims of a WorkOS access token. Most are absent, or null, outside an organization. Others come
 * from a JWT template.
 */
const CLAIMS = z.looseObject({
  sub: z.string().min(1),
  sid: z.string().min(1),
  exp: z.number(),
  iat: z.number().nullish(),
  client_id: z.string().nullish(),
  org_id: z.string().nullish(),
  role: z.string().nullish(),
  roles: z.array(z.string()).nullish(),
  permissions: z.array(z.string()).nullish(),
  entitlements: z.array(z.string()).nullish(),
  feature_flags: z.array(z.string()).nullish(),
  act: z.object({ sub: z.string() }).nullish(),
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

/** Makes a verifier that discovers issuer and keys once, when first needed. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { now } = options;
  let discovered: Promise<Keys> | undefined;

  const getKeys = (): Promise<Keys> => {
    discovered ??= discover(options).catch((error) => {
      discovered = undefined;
      throw error;
    });
    return discovered;
  };

  return {
    async prepare() {
      const { keys } = await getKeys();
      if (keys.jwks() === undefined) await reachable(() => keys.reload());
    },

    async verify(accessToken) {
      const { issuers, keys } = await getKeys();
      let payload: JWTPayload;
      try {
        ({ payload } = await jwtVerify(accessToken, keys, {
          algorithms: ["RS256"],
          issuer: issuers,
          requiredClaims: ["sub", "sid", "exp"],
          clockTolerance: CLOCK_TOLERANCE,
          currentDate: new Date(now()),
        }));
      } catch (error) {
        throw explain(error, issuers);
      }
      const claims = CLAIMS.safeParse(payload);
      if (!claims.success) throw untrusted("its claims are not those of a WorkOS session");
      assertForUs(payload, options);
      if ((claims.data.iat ?? 0) > now() / 1000 + CLOCK_TOLERANCE) throw clockSkew("behind");
      return claims.data;
    },
  };
}

interface Keys {
  issuers: string[];
  keys: ReturnType<typeof createRemoteJWKSet>;
}

async function discover(options: TokenVerifierOptions): Promise<Keys> {
  const { apiUrl, clientId, issuer, fetch } = options;
  const base = `${apiUrl}/user_management/${clientId}`;
  const response = await reachable(() =>
    fetch(`${base}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(TIMEOUT),
      redirect: "error",
    })
  );
  if (response.status >= 500 || response.status === 429) {
    await response.body?.cancel();
    throw new UnavailableError("workos_unavailable", `Discovery answered ${response.status}.`);
  }
  const document = DISCOVERY.safeParse(response.ok ? await reachable(() => response.json()) : {});
  if (!response.bodyUsed) await response.body?.cancel();
  if (!document.success && issuer === undefined) {
    throw new WorkOSSetupError(
      "invalid_client",
      `WorkOS has no sign-in for client ${clientId} (${response.status}). Check WORKOS_CLIENT_ID ` +
        "and WORKOS_API_URL, or set WORKOS_ISSUER if discovery is switched off.",
    );
  }
  const jwksUri = document.data?.jwks_uri ?? `${apiUrl}/sso/jwks/${clientId}`;
  return {
    issuers: [issuer ?? document.data?.issuer ?? base],
    keys: createRemoteJWKSet(new URL(jwksUri), {
      [customFetch]: fetch,
      timeoutDuration: TIMEOUT,
      // Known keys serve on while WorkOS is away; a key that is not known is fetched.
      cacheMaxAge: Infinity,
    }),
  };
}

/** Turns every failure to reach WorkOS or to read its answer into one type. */
async function reachable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new UnavailableError("workos_unavailable", "WorkOS's keys cannot be fetched.", 5, {
      cause: error,
    });
  }
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

function explain(error: unknown, issuers: readonly string[]): Error {
  if (error instanceof errors.JWTExpired) return clockSkew("ahead", error);
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "iss") {
    return untrusted(
      `its issuer is ${String(error.payload.iss)}, expected ${issuers.join()}`,
      error,
    );
  }
  const isToken = error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid ||
    error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey;
  return isToken ? untrusted(`${error.code}`, error) : new UnavailableError(
    "workos_unavailable",
    "WorkOS's keys cannot be fetched.",
    5,
    { cause: error },
  );
}

function untrusted(reason: string, cause?: unknown): WorkOSSetupError {
  return new WorkOSSetupError(
    "invalid_token",
    `Token validation failed: ${reason}. Check that WORKOS_CLIENT_ID, WORKOS_API_KEY and ` +
      "WORKOS_ISSUER belong to the same WorkOS environment.",
    { cause },
  );
}

function clockSkew(direction: "ahead" | "behind", cause?: unknown): WorkOSSetupError {
  return new WorkOSSetupError(
    "clock_skew",
    `Token validation failed: this machine's clock is ${direction} of WorkOS's by more than ` +
      `${CLOCK_TOLERANCE} seconds. Set the clock, for example with NTP.`,
    { cause },
  );
}
