/** Client authentication by a signed assertion, `private_key_jwt` (RFC 7521 §4.2, RFC 7523 §3). */

import {
  createLocalJWKSet,
  decodeJwt,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from "jose";
import type { Config } from "../config.ts";
import { OAuthError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { PUBLIC_KEYS, readDocumentUrl } from "./client_metadata_document.ts";
import type { Client } from "./clients.ts";
import { createDocumentCache } from "./document_cache.ts";
import type { FetchDocument } from "./safe_fetch.ts";
import { hashToken } from "./tokens.ts";

/** `client_assertion_type` (RFC 7523 §2.2). */
export const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Signature algorithms, all asymmetric: with HMAC a public key would serve as the secret. */
export const ASSERTION_ALGORITHMS = ["RS256", "ES256", "EdDSA"] as const;

/** An assertion may be valid this long from now, in seconds; it is remembered until then. */
const MAX_LIFETIME = 600;

/** Accepted difference between this machine's clock and the client's, in seconds. */
const CLOCK_TOLERANCE = 30;

/** Room for a few certificates beside the keys. */
const MAX_KEYS_BYTES = 32 * 1024;

/** Keys older than this are fetched anew when none of them fits, in milliseconds. */
const ROTATION_COOLDOWN = 30_000;

/** What {@link createClientAssertions} needs. */
export interface ClientAssertionsOptions {
  config: Pick<Config, "baseUrl" | "allowLoopbackClientMetadata">;
  store: Pick<Store, "useOnce">;
  fetchDocument: FetchDocument;
  now: () => number;
}

/** Verifies client assertions. */
export interface ClientAssertions {
  /**
   * Verifies that an assertion is this client's, for this server, and used for the first time.
   *
   * @throws {OAuthError} `invalid_client`.
   * @throws {UnavailableError} when the client's keys cannot be had now.
   */
  verify(assertion: string, client: Client): Promise<void>;
}

/**
 * Reads whose assertion it claims to be, for a request without `client_id` (RFC 7521 §4.2). Nothing
 * is verified by this.
 */
export function readAssertionSubject(assertion: string): string | undefined {
  try {
    return decodeJwt(assertion).sub;
  } catch (error) {
    if (error instanceof errors.JWTInvalid) return undefined;
    throw error;
  }
}

/** Makes the verifier of client assertions. */
export function createClientAssertions(
  { config, store, fetchDocument, now }: ClientAssertionsOptions,
): ClientAssertions {
  const audiences = [config.baseUrl, `${config.baseUrl}/token`];
  const remoteKeys = createDocumentCache<JSONWebKeySet>({
    fetchDocument,
    name: "The document at jwks_uri",
    maxBytes: MAX_KEYS_BYTES,
    now,
    read: (_url, json) => {
      const keys = PUBLIC_KEYS.safeParse(json);
      if (!keys.success) throw refusal("The document at jwks_uri is not a set of public keys.");
      return keys.data;
    },
  });

  const check = async (assertion: string, id: string, keys: JSONWebKeySet): Promise<JWTPayload> => {
    const { payload } = await jwtVerify(assertion, selectKey(keys), {
      algorithms: [...ASSERTION_ALGORITHMS],
      issuer: id,
      subject: id,
      audience: audiences,
      requiredClaims: ["exp", "jti"],
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: new Date(now()),
    });
    return payload;
  };

  const checkWithKeysOf = async (
    assertion: string,
    { id, metadata: { jwks, jwks_uri: jwksUri } }: Client,
  ): Promise<JWTPayload> => {
    if (jwksUri === undefined) return await check(assertion, id, jwks ?? { keys: [] });
    const url = readDocumentUrl("jwks_uri", jwksUri, config.allowLoopbackClientMetadata);
    try {
      return await check(assertion, id, await remoteKeys.get(url));
    } catch (error) {
      // The client may have changed its keys since.
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return await check(assertion, id, await remoteKeys.get(url, { maxAge: ROTATION_COOLDOWN }));
    }
  };

  return {
    async verify(assertion, client) {
      let payload: JWTPayload;
      try {
        payload = await checkWithKeysOf(assertion, client);
      } catch (error) {
        throw error instanceof errors.JOSEError ? refusal(explain(error)) : error;
      }
      const { aud, exp = 0, jti } = payload;
      // Another server named in it could use it here first.
      if ([aud].flat().some((audience) => !audiences.includes(audience ?? ""))) {
        throw refusal("The client assertion must be for this server alone.");
      }
      if (exp > now() / 1000 + MAX_LIFETIME + CLOCK_TOLERANCE) {
        throw refusal(`The client assertion is valid for more than ${MAX_LIFETIME} seconds.`);
      }
      if (typeof jti !== "string" || jti === "") throw refusal("jti must be a string.");
      const use = hashToken(JSON.stringify([client.id, jti]));
      if (!await store.useOnce(use, (Math.ceil(exp) + CLOCK_TOLERANCE) * 1000)) {
        throw refusal("This client assertion was used before. Sign a new one for each request.");
      }
    },
  };
}

/** Picks the key that the header names. Keys are a stranger's, so one that is broken is no bug. */
function selectKey(keys: JSONWebKeySet): JWTVerifyGetKey {
  const select = createLocalJWKSet(keys);
  return async (header, token) => {
    try {
      return await select(header, token);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw error;
      throw refusal("The key that the client assertion names cannot be used.");
    }
  };
}

function refusal(message: string): OAuthError {
  return new OAuthError("invalid_client", message, 401);
}

function explain(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return "The client assertion has expired.";
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `The client assertion's ${error.claim} is missing or wrong.`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return `Sign the client assertion with one of ${ASSERTION_ALGORITHMS.join(", ")}.`;
  }
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    return "Say in the client assertion's header, with kid, which key signed it.";
  }
  return "The client assertion is not signed by a key of this client.";
}
