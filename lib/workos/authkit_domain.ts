/** An AuthKit domain as the OpenID provider that it is: its discovery document and its keys. */

import type { JWTPayload } from "jose";
import * as z from "zod";
import { UnavailableError, WorkOSSetupError } from "../errors.ts";
import { isLoopbackHost } from "../loopback.ts";
import { fetchDocument } from "./fetch_document.ts";
import { createKeySet } from "./key_set.ts";
import { loadOnce } from "./load_once.ts";
import { verifySignedToken } from "./signed_token.ts";

/** Codes, keys and secrets pass there: https, or this machine. */
const ENDPOINT = z.string().refine((value) => {
  const url = URL.parse(value);
  return url?.protocol === "https:" || (url?.protocol === "http:" && isLoopbackHost(url.hostname));
});

const METADATA = z.object({
  issuer: z.string(),
  authorization_endpoint: ENDPOINT,
  token_endpoint: ENDPOINT,
  jwks_uri: ENDPOINT,
  code_challenge_methods_supported: z.array(z.string()).default([]),
  // What is meant where it is left out (OpenID Connect Discovery 1.0 §3).
  token_endpoint_auth_methods_supported: z.array(z.string()).default(["client_secret_basic"]),
});

/** What discovery says (OpenID Connect Discovery 1.0 §3). */
export type AuthKitMetadata = z.infer<typeof METADATA>;

/** An AuthKit domain. */
export interface AuthKitDomain {
  /** Its origin, which is what its tokens name as issuer. */
  readonly issuer: string;
  /**
   * Reads the discovery document, once.
   *
   * @throws {UnavailableError} when it cannot be had; it is tried again after a pause.
   * @throws {WorkOSSetupError} when it is not that of an AuthKit domain, or names another issuer.
   */
  discover(): Promise<AuthKitMetadata>;
  /** Fetches discovery and keys unless they are there. */
  prepare(): Promise<void>;
  /**
   * Verifies a token of this issuer.
   *
   * @param expected see {@link verifySignedToken}.
   * @throws {UntrustedTokenError}, {UnavailableError}
   */
  verify(
    token: string,
    expected: { audience?: string; requiredClaims: string[] },
  ): Promise<JWTPayload>;
}

/** What {@link createAuthKitDomain} needs. */
export interface AuthKitDomainOptions {
  /** Origin of the domain. */
  issuer: string;
  fetch: typeof fetch;
  now: () => number;
}

/** Makes the domain. Nothing is fetched yet. */
export function createAuthKitDomain(options: AuthKitDomainOptions): AuthKitDomain {
  const { issuer, now } = options;
  const getProvider = loadOnce(async () => {
    const metadata = await readMetadata(options);
    return { metadata, keys: createKeySet(metadata.jwks_uri, options) };
  }, now);

  return {
    issuer,
    discover: async () => (await getProvider()).metadata,
    prepare: async () => await (await getProvider()).keys.prepare(),
    async verify(token, expected) {
      const { keys } = await getProvider();
      return await verifySignedToken(token, { ...expected, keys, issuer, now });
    },
  };
}

async function readMetadata({ issuer, fetch }: AuthKitDomainOptions): Promise<AuthKitMetadata> {
  const url = `${issuer}/.well-known/openid-configuration`;
  const { status, body } = await fetchDocument(url, fetch);
  const { success, data } = METADATA.safeParse(body);
  if (status !== 200 || !success) {
    throw new WorkOSSetupError(
      "invalid_authkit_domain",
      `WORKOS_AUTHKIT_DOMAIN: there is no AuthKit at ${issuer} (${status}). Copy the domain from ` +
        "the WorkOS dashboard (Domains), and check that AuthKit is switched on.",
    );
  }
  // Letter for letter (OpenID Connect Discovery 1.0 §4.3): tokens are compared with it.
  if (data.issuer !== issuer) {
    throw new WorkOSSetupError(
      "invalid_authkit_domain",
      `WORKOS_AUTHKIT_DOMAIN is ${issuer}, which calls itself ${data.issuer}. Set it to that.`,
    );
  }
  return data;
}

/**
 * Reads the document of the domain for OAuth clients (RFC 8414).
 *
 * @throws {UnavailableError} when it cannot be had.
 */
export async function fetchServerMetadata(
  issuer: string,
  fetch: typeof globalThis.fetch,
): Promise<Record<string, unknown>> {
  const url = `${issuer}/.well-known/oauth-authorization-server`;
  const { status, body } = await fetchDocument(url, fetch);
  const document = z.looseObject({ issuer: z.literal(issuer) }).safeParse(body);
  if (status === 200 && document.success) return document.data;
  throw new UnavailableError("workos_unavailable", `There is no metadata at ${url} (${status}).`);
}
