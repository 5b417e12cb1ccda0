/** ID tokens: who signed in, told to the application that asked (OpenID Connect Core 1.0 §2). */

import * as z from "zod";
import type { AuthKitDomain } from "./authkit_domain.ts";
import { UntrustedTokenError } from "./signed_token.ts";

const ID_TOKEN = z.looseObject({
  sub: z.string().min(1),
  aud: z.union([z.string(), z.array(z.string())]),
  azp: z.string().optional(),
  nonce: z.string().optional(),
  email: z.string().nullish(),
  email_verified: z.boolean().nullish(),
  name: z.string().nullish(),
  picture: z.string().nullish(),
});

/** Verified claims. */
export type IdTokenClaims = z.infer<typeof ID_TOKEN>;

/**
 * Verifies an ID token (OpenID Connect Core 1.0 §3.1.3.7): signature, algorithm, issuer, expiry, that
 * it is for this application and no other, and that it answers this request.
 *
 * @param expected `nonce` that was sent along; absent for a renewal, whose token has none (§12.2).
 * @throws {UntrustedTokenError}, {UnavailableError}
 */
export async function readIdToken(
  domain: Pick<AuthKitDomain, "verify">,
  token: string,
  { clientId, nonce }: { clientId: string; nonce: string | undefined },
): Promise<IdTokenClaims> {
  const payload = await domain.verify(token, {
    audience: clientId,
    requiredClaims: ["sub", "exp", "iat"],
  });
  const { success, data: claims } = ID_TOKEN.safeParse(payload);
  if (!success) throw new UntrustedTokenError("invalid", "its claims are not those of an ID token");
  const others = [claims.aud].flat().filter((audience) => audience !== clientId);
  if (others.length > 0 || (claims.azp ?? clientId) !== clientId) {
    throw new UntrustedTokenError("invalid", "the ID token is for another application as well");
  }
  if (nonce !== undefined && claims.nonce !== nonce) {
    throw new UntrustedTokenError(
      "invalid",
      "the nonce of the ID token is that of another sign-in",
    );
  }
  return claims;
}
