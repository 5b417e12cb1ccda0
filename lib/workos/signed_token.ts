/** Checking tokens that WorkOS has signed, the same way wherever they come from. */

import { errors, type JWTPayload, jwtVerify } from "jose";
import { UnavailableError, WorkOSSetupError } from "../errors.ts";
import type { KeySet } from "./key_set.ts";

/** Accepted difference between this machine's clock and WorkOS's, in seconds. */
export const CLOCK_TOLERANCE = 30;

/** A token that is not one to trust. The message ends the sentence "the token is refused:". */
export class UntrustedTokenError extends Error {
  /**
   * @param code what is wrong with it.
   * @param message for the log: names claims, never the token.
   * @param claims of a token with a good signature that is for somebody else.
   */
  constructor(
    readonly code: "expired" | "from_future" | "wrong_audience" | "invalid",
    message: string,
    options?: ErrorOptions,
    readonly claims?: Readonly<JWTPayload>,
  ) {
    super(message, options);
    this.name = "UntrustedTokenError";
  }
}

/** What a token is held against. */
export interface TokenExpectations {
  keys: Pick<KeySet, "find">;
  /** Compared letter for letter. */
  issuer: string;
  /** Has to be, or to be among, the token's audiences; absent: the caller looks at them. */
  audience?: string;
  requiredClaims: string[];
  /** Clock, in epoch milliseconds. */
  now: () => number;
}

/**
 * Verifies signature, algorithm, issuer, audience, expiry and age of a token (RFC 8725 §3).
 *
 * @throws {UntrustedTokenError} when it is not one to trust.
 * @throws {UnavailableError} when the keys to tell cannot be had.
 */
export async function verifySignedToken(
  token: string,
  { keys, issuer, audience, requiredClaims, now }: TokenExpectations,
): Promise<JWTPayload> {
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(token, keys.find, {
      // Pinned: what everybody can read would otherwise serve as a shared secret (HS256).
      algorithms: ["RS256"],
      issuer,
      ...(audience !== undefined && { audience }),
      requiredClaims,
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: new Date(now()),
    }));
  } catch (error) {
    throw explain(error, issuer, audience);
  }
  if ((payload.iat ?? 0) > now() / 1000 + CLOCK_TOLERANCE) {
    throw new UntrustedTokenError("from_future", "it was issued in the future");
  }
  return payload;
}

function explain(error: unknown, issuer: string, audience: string | undefined): Error {
  if (error instanceof UnavailableError) return error;
  const cause = { cause: error };
  if (error instanceof errors.JWTExpired) {
    return new UntrustedTokenError("expired", "it has expired", cause);
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "iss") {
    const message = `its issuer is ${String(error.payload.iss)}, expected ${issuer}`;
    return new UntrustedTokenError("invalid", message, cause);
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "aud") {
    const message = `its audience is ${String(error.payload.aud)}, expected ${audience}`;
    return new UntrustedTokenError("wrong_audience", message, cause, error.payload);
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "nbf") {
    return new UntrustedTokenError("from_future", "it is not valid yet", cause);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new UntrustedTokenError("invalid", `${error.code} (${error.claim})`, cause);
  }
  if (error instanceof errors.JOSEError) {
    return new UntrustedTokenError("invalid", error.code, cause);
  }
  // A key that this machine cannot use: nothing is wrong with the token.
  return new UnavailableError("workos_unavailable", "WorkOS's keys cannot be used.", 5, cause);
}

/**
 * Says what it means that WorkOS itself handed over a token that is not one to trust.
 *
 * @param error anything that was thrown; what is about something else stays as it is.
 * @param settings names of those that may be wrong, and where they have to come from.
 */
export function blameSettings(error: unknown, settings: string): unknown {
  if (!(error instanceof UntrustedTokenError)) return error;
  if (error.code === "expired" || error.code === "from_future") {
    const direction = error.code === "expired" ? "ahead" : "behind";
    return new WorkOSSetupError(
      "clock_skew",
      `Token validation failed: this machine's clock is ${direction} of WorkOS's by more than ` +
        `${CLOCK_TOLERANCE} seconds. Set the clock, for example with NTP.`,
      { cause: error },
    );
  }
  return new WorkOSSetupError(
    "invalid_token",
    `Token validation failed: ${error.message}. Check that ${settings}.`,
    { cause: error },
  );
}
