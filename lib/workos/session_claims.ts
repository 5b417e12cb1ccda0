/**
 * Claims that access tokens of WorkOS have in common, whichever way a person signed in. Outside User
 * Management, most of them only come from a JWT template.
 */

import * as z from "zod";
import type { Identity } from "./upstream.ts";

/** Members for the schema of a token's claims. Most are absent, or null, outside an organization. */
export const SESSION_CLAIMS = {
  org_id: z.string().nullish(),
  role: z.string().nullish(),
  roles: z.array(z.string()).nullish(),
  permissions: z.array(z.string()).nullish(),
  entitlements: z.array(z.string()).nullish(),
  feature_flags: z.array(z.string()).nullish(),
  // Who acts for the person (RFC 8693 §4.1).
  act: z.object({ sub: z.string() }).nullish(),
};

type SessionClaims = z.infer<z.ZodObject<typeof SESSION_CLAIMS>>;

/** What they say of a person. */
export type SessionIdentity = Pick<
  Identity,
  | "organizationId"
  | "role"
  | "roles"
  | "permissions"
  | "entitlements"
  | "featureFlags"
  | "impersonator"
>;

/** Reads them from verified claims. */
export function readSessionClaims(claims: SessionClaims): SessionIdentity {
  return {
    ...(claims.org_id && { organizationId: claims.org_id }),
    ...(claims.role && { role: claims.role }),
    roles: claims.roles ?? (claims.role ? [claims.role] : []),
    permissions: claims.permissions ?? [],
    entitlements: claims.entitlements ?? [],
    featureFlags: claims.feature_flags ?? [],
    ...(claims.act && { impersonator: claims.act.sub }),
  };
}
