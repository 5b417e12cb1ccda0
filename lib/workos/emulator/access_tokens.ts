/** WorkOS access tokens and the keys that verify them. */

import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { Membership, Session } from "./entities.ts";

/** What {@link AccessTokens} needs. */
export interface AccessTokenOptions {
  /** `iss` of every token. */
  issuer: string;
  /** Seconds a token lives. */
  lifetime: number;
  /** Clock, in milliseconds. */
  now: () => number;
  /** Makes `jti`. */
  newId: () => string;
  /** RS256 keys; made at first use if absent, because making them takes up to a third of a second. */
  signingKey?: CryptoKeyPair | undefined;
}

/** The RS256 issuer of one environment. */
export class AccessTokens {
  #key: Promise<{ privateKey: CryptoKey; jwk: JWK; kid: string }> | undefined;

  constructor(private readonly options: AccessTokenOptions) {}

  /**
   * Signs an access token. As in production there is no `aud` and no `scope`, and without an
   * organization there is no role either.
   *
   * @param session whose token it is.
   * @param membership in the selected organization.
   * @param permissions slugs that go with the membership.
   * @param claims of the JWT template.
   */
  async sign(
    session: Session,
    membership: Membership | undefined,
    permissions: readonly string[],
    claims: Readonly<Record<string, unknown>>,
  ): Promise<string> {
    const { privateKey, kid } = await this.#prepareKey();
    const issuedAt = Math.floor(this.options.now() / 1000);
    return await new SignJWT({
      sid: session.id,
      ...membership && {
        org_id: membership.organization_id,
        role: membership.role.slug,
        roles: membership.roles?.map(({ slug }) => slug),
        permissions,
      },
      ...session.impersonator && { act: { sub: session.impersonator.email } },
      ...claims,
    })
      .setProtectedHeader({ alg: "RS256", kid })
      .setIssuer(this.options.issuer)
      .setSubject(session.user_id)
      .setJti(this.options.newId())
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + this.options.lifetime)
      .sign(privateKey);
  }

  /** The public keys (RFC 7517 §5). */
  async getKeySet(): Promise<{ keys: JWK[] }> {
    return { keys: [(await this.#prepareKey()).jwk] };
  }

  #prepareKey(): Promise<{ privateKey: CryptoKey; jwk: JWK; kid: string }> {
    return this.#key ??= prepareKey(this.options.signingKey);
  }
}

async function prepareKey(signingKey: CryptoKeyPair | undefined) {
  const { publicKey, privateKey } = signingKey ?? await generateKeyPair("RS256");
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { privateKey, kid, jwk: { ...jwk, alg: "RS256", use: "sig", kid } };
}
