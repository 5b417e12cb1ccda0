/** Permissions for single things: a little of WorkOS's fine-grained authorization. */

import { Hono } from "hono";
import { checkApiKey } from "./api_key.ts";
import { readParameters, requireParameter } from "./body.ts";
import type { Environment } from "./environment.ts";

/** That a member may do something with one thing. */
export interface AccessRule {
  /** `om_…` */
  membershipId: string;
  /** Permission slug. */
  permission: string;
  /** Slug of the thing's type. */
  resourceType: string;
  /** Id of the thing in the application. */
  resourceId: string;
}

/** Who may do what with which thing. Nobody may do anything until told. */
export class ResourceAccess {
  readonly #rules = new Set<string>();

  /** Allows it. */
  allow(rule: AccessRule): void {
    this.#rules.add(describe(rule));
  }

  /** Takes it back. */
  revoke(rule: AccessRule): void {
    this.#rules.delete(describe(rule));
  }

  /** Whether it is allowed. */
  allows(rule: AccessRule): boolean {
    return this.#rules.has(describe(rule));
  }
}

function describe({ membershipId, permission, resourceType, resourceId }: AccessRule): string {
  return JSON.stringify([membershipId, permission, resourceType, resourceId]);
}

/**
 * `POST /authorization/organization_memberships/:id/check`.
 *
 * @param environment whose members are asked about.
 */
export function createAuthorizationApi(environment: Environment): Hono {
  const app = new Hono();
  app.post("/authorization/organization_memberships/:id/check", async ({ req }) => {
    checkApiKey(req.raw, environment);
    const membershipId = environment.directory.memberships.get(req.param("id")).id;
    const parameters = await readParameters(req.raw);
    const authorized = environment.resourceAccess.allows({
      membershipId,
      permission: requireParameter(parameters, "permission_slug"),
      resourceType: requireParameter(parameters, "resource_type_slug"),
      resourceId: requireParameter(parameters, "resource_external_id"),
    });
    return Response.json({ authorized });
  });
  return app;
}
