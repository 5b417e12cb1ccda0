/** What a caller may be told about themselves, and so about a person to the model that acts. */

import type { Caller } from "../caller.ts";

/**
 * Describes who is signed in, as far as the granted scopes reach: a client that was not allowed to
 * see the e-mail address does not get it through a tool either.
 */
export async function describeCaller(caller: Caller): Promise<Record<string, unknown>> {
  const identity = await caller.readIdentity();
  const may = (scope: string) => caller.scopes.includes(scope);
  return {
    user_id: identity.userId,
    ...(may("profile") && identity.name && { name: identity.name }),
    ...(may("profile") && identity.pictureUrl && { picture: identity.pictureUrl }),
    ...(may("email") && identity.email &&
      { email: identity.email, email_verified: identity.emailVerified }),
    organization_id: identity.organizationId ?? null,
    role: identity.role ?? null,
    roles: identity.roles,
    permissions: identity.permissions,
    ...(identity.impersonator && { impersonator: identity.impersonator }),
    client_id: caller.clientId,
    scopes: caller.scopes,
  };
}
