/** WorkOS permissions that tools, resources and prompts need. */

import type { Caller } from "../caller.ts";
import { SignInRefusedError } from "../errors.ts";
import { coversScope } from "../oauth/scopes.ts";

const PERMISSION = Symbol("permission");

/** Carries a permission inside the definition of a tool, a resource or a prompt. */
export type WithPermission = Readonly<Record<typeof PERMISSION, string>>;

/**
 * Makes a tool, a resource or a prompt one for holders of a permission, to be spread into its
 * definition: `{ description: "…", ...requirePermission("members:read") }`. For everybody else it is
 * not there: it is in no list, and using its name is answered like a name that nobody ever gave.
 *
 * @param permission slug, as in the WorkOS dashboard.
 */
export function requirePermission(permission: string): WithPermission {
  return { [PERMISSION]: permission };
}

/** The permission in a definition, if it has one. */
export function readPermission(definition: unknown): string | undefined {
  return typeof definition === "object" && definition !== null && PERMISSION in definition
    ? (definition as WithPermission)[PERMISSION]
    : undefined;
}

/** Whether a caller's permissions cover one; `members:*` covers `members:read`. */
export function hasPermission(caller: Pick<Caller, "permissions">, permission: string): boolean {
  return coversScope(caller.permissions, permission);
}

/**
 * Stops a tool whose caller lacks a permission, for what depends on its arguments. The model is told
 * what is missing.
 *
 * @throws {SignInRefusedError} `permission_required`.
 */
export function assertPermission(caller: Caller, permission: string): void {
  if (hasPermission(caller, permission)) return;
  const place = caller.organizationId ?? "no organization";
  throw new SignInRefusedError(
    "permission_required",
    `This needs the permission ${permission}, which the signed-in person does not have in ${place}. ` +
      "An administrator of the organization can give it.",
  );
}

/**
 * The organization that a caller acts for.
 *
 * @throws {SignInRefusedError} `organization_required` for a person without one.
 */
export function assertOrganization(caller: Caller): string {
  if (caller.organizationId !== undefined) return caller.organizationId;
  throw new SignInRefusedError(
    "organization_required",
    "This needs an organization, and the signed-in person has not chosen one. Use " +
      "switch_organization, or ask an administrator to add them to one.",
  );
}
