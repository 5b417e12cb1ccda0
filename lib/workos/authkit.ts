/**
 * AuthKit as the authorization server of MCP clients, while this server is the resource server only:
 * its access tokens are checked here, without a call. Not seen on a live account.
 */

import { createHash } from "node:crypto";
import * as z from "zod";
import type { Caller } from "../caller.ts";
import { OAuthError, SignInRefusedError, UnavailableError, WorkOSSetupError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AuthKitDomain, createAuthKitDomain, fetchServerMetadata } from "./authkit_domain.ts";
import { assertClaims } from "./claims_policy.ts";
import type { WorkOSConfig } from "./config.ts";
import { readSessionClaims, SESSION_CLAIMS } from "./session_claims.ts";
import { assertOrganization, refuseSwitch } from "./sign_in_policy.ts";
import { UntrustedTokenError } from "./signed_token.ts";
import type { Identity } from "./upstream.ts";

/** Tokens that are known, at most: verifying one costs a third of a millisecond. */
const MAX_KNOWN = 1000;

/**
 * How long a token is known before it is verified again, in milliseconds. With the age that keys
 * reach, tokens of a withdrawn one are out after ten minutes.
 */
const KNOWN_LIFETIME = 60_000;

/** Between two lines of the log about the same wrong audience, in milliseconds. */
const LOG_PAUSE = 60_000;

/** Different wrong audiences that are told apart. */
const MAX_AUDIENCES = 100;

/** How long AuthKit's metadata is passed on before it is fetched again, in milliseconds. */
const METADATA_LIFETIME = 300_000;

/** Claims of an access token of AuthKit. */
const CLAIMS = z.looseObject({
  sub: z.string().min(1),
  exp: z.number(),
  client_id: z.string().min(1),
  scope: z.string().nullish(),
  // `app_consent_…`
  sid: z.string().min(1).nullish(),
  email: z.string().nullish(),
  email_verified: z.boolean().nullish(),
  name: z.string().nullish(),
  ...SESSION_CLAIMS,
});

type Claims = z.infer<typeof CLAIMS>;

/** What {@link createAuthKit} needs. */
export interface AuthKitOptions {
  config: Pick<WorkOSConfig, "organizationId" | "requiredClaims">;
  /** URL of the MCP endpoint, which tokens have to be for. */
  resource: string;
  /** Origin of the AuthKit domain. */
  issuer: string;
  fetch: typeof fetch;
  log: Log;
  now: () => number;
}

/** AuthKit, as a resource server sees it. */
export interface AuthKit {
  readonly domain: AuthKitDomain;
  /**
   * Finds out who calls.
   *
   * @throws {OAuthError} `invalid_token` for a token that is not good here, `access_denied` (403) for
   *   a person whom the settings keep out.
   * @throws {UnavailableError} when it cannot be known now.
   */
  authenticate(accessToken: string): Promise<Caller>;
  /**
   * AuthKit's own metadata (RFC 8414), for clients that look for it here.
   *
   * @throws {UnavailableError} when it cannot be had.
   */
  readServerMetadata(): Promise<Record<string, unknown>>;
}

/** Makes it. Nothing is fetched yet. */
export function createAuthKit(options: AuthKitOptions): AuthKit {
  const { config, resource, fetch, log, now } = options;
  const domain = createAuthKitDomain(options);
  const warnOfAudience = createAudienceWarning(options);
  /** Callers by the SHA-256 of their token, in the order of last use. */
  const known = new Map<string, { caller: Caller; until: number }>();
  let metadata: { document: Promise<Record<string, unknown>>; until: number } | undefined;

  const verify = async (accessToken: string): Promise<Claims> => {
    try {
      const payload = await domain.verify(accessToken, {
        audience: resource,
        requiredClaims: ["sub", "exp", "client_id"],
      });
      const claims = CLAIMS.safeParse(payload);
      if (claims.success) return claims.data;
      throw new UntrustedTokenError("invalid", "its claims are not those of an access token");
    } catch (error) {
      if (error instanceof WorkOSSetupError) {
        // An operator's mistake, and perhaps a passing one: no reason to sign anybody out.
        log.error(error.code, { message: error.message });
        throw new UnavailableError("workos_unavailable", error.message, 30, { cause: error });
      }
      if (!(error instanceof UntrustedTokenError)) throw error;
      if (error.code === "wrong_audience") warnOfAudience(describeAudience(error));
      throw new OAuthError("invalid_token", explain(error, resource), 401);
    }
  };

  const admit = (claims: Claims): Caller => {
    const identity = readIdentity(claims);
    try {
      assertOrganization(identity, config.organizationId, undefined);
      assertClaims(config.requiredClaims, claims, undefined);
    } catch (error) {
      if (!(error instanceof SignInRefusedError)) throw error;
      log.info("caller_refused", { user_id: claims.sub, reason: error.code });
      // Not a 401: most clients would sign in again by themselves, as the same person, in circles.
      throw new OAuthError("access_denied", error.message, 403);
    }
    return {
      grantId: identity.sessionId,
      clientId: claims.client_id,
      userId: identity.userId,
      ...(identity.organizationId && { organizationId: identity.organizationId }),
      permissions: identity.permissions,
      scopes: claims.scope?.split(" ").filter(Boolean) ?? [],
      expiresAt: claims.exp * 1000,
      readIdentity: () => Promise.resolve(identity),
      switchOrganization: () => Promise.reject(refuseSwitch()),
    };
  };

  return {
    domain,

    async authenticate(accessToken) {
      const hash = computeHash(accessToken);
      let entry = known.get(hash);
      if (entry === undefined || entry.until <= now()) {
        const caller = admit(await verify(accessToken));
        entry = { caller, until: Math.min(caller.expiresAt, now() + KNOWN_LIFETIME) };
      }
      // Put in anew, so that the map stays in the order of last use.
      known.delete(hash);
      known.set(hash, entry);
      if (known.size > MAX_KNOWN) {
        for (const oldest of known.keys().take(1)) known.delete(oldest);
      }
      return entry.caller;
    },

    async readServerMetadata() {
      if (metadata === undefined || metadata.until <= now()) {
        const document = fetchServerMetadata(domain.issuer, fetch);
        metadata = { document, until: now() + METADATA_LIFETIME };
        // A failure is not kept; whoever waits for it is told.
        document.catch(() => metadata = undefined);
      }
      return await metadata.document;
    },
  };
}

/** Makes what tells the operator why tokens are refused that AuthKit has issued. */
function createAudienceWarning(
  { resource, log, now }: AuthKitOptions,
): (actual: string) => void {
  const loggedAt = new Map<string, number>();
  return (actual) => {
    if (now() - (loggedAt.get(actual) ?? -Infinity) < LOG_PAUSE) return;
    if (loggedAt.size >= MAX_AUDIENCES) loggedAt.clear();
    loggedAt.set(actual, now());
    const reason = /^client_\w+$/.test(actual)
      ? "AuthKit issued a token for its whole environment: it has no resource indicator for this " +
        "server, or the MCP client did not ask for it."
      : "AuthKit issued a token for something else.";
    log.warning("wrong_audience", {
      expected: resource,
      actual,
      message:
        `${reason} Enter exactly ${resource} as resource indicator in the WorkOS dashboard ` +
        "(Connect, Configuration).",
    });
  };
}

function describeAudience({ claims }: UntrustedTokenError): string {
  return [claims?.aud ?? []].flat().join(" ") || "nobody";
}

/** For developers of MCP clients, who cannot see the log. */
function explain(error: UntrustedTokenError, resource: string): string {
  switch (error.code) {
    case "expired":
      return "The access token has expired.";
    case "from_future":
      return "The access token is from the future.";
    case "wrong_audience":
      return `The access token is for ${describeAudience(error)}, not for ${resource}. ` +
        "Ask for it with the parameter resource; if you do, AuthKit does not know this resource.";
    case "invalid":
      return `The access token is not valid: ${error.message}.`;
  }
}

function readIdentity(claims: Claims): Identity {
  return {
    userId: claims.sub,
    // Limits and logs need a name for what the person allowed the client, as long as a grant's.
    sessionId: claims.sid ?? computeHash(`${claims.sub} ${claims.client_id}`).slice(0, 16),
    ...(claims.email && { email: claims.email }),
    emailVerified: claims.email_verified === true,
    ...(claims.name && { name: claims.name }),
    ...readSessionClaims(claims),
  };
}

function computeHash(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
