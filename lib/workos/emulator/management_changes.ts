/** Changes to users, members and organizations that an application makes with its API key. */

import { Hono } from "hono";
import * as z from "zod";
import { checkApiKey } from "./api_key.ts";
import { readBody } from "./body.ts";
import type { Directory } from "./directory.ts";
import type { Membership, User } from "./entities.ts";
import type { Environment } from "./environment.ts";
import { apiRefusal, invalidParameterRefusal } from "./errors.ts";

const userChanges = z.object({
  email: z.email().optional(),
  email_verified: z.boolean().optional(),
  first_name: z.string().optional(),
  last_name: z.string().optional(),
});

const roles = z.object({
  role_slug: z.string().optional(),
  role_slugs: z.array(z.string()).optional(),
});

/**
 * The endpoints. What is changed is answered as it is then, what is deleted with 204.
 *
 * @param environment whose users they are.
 */
export function createChangesApi(environment: Environment): Hono {
  const { directory } = environment;
  const { memberships } = directory;
  const app = new Hono();
  const put = (path: string, change: (id: string, request: Request) => unknown) =>
    app.put(path, async ({ req }) => {
      checkApiKey(req.raw, environment);
      return Response.json(await change(req.param("id") ?? "", req.raw));
    });
  const remove = (path: string, change: (id: string) => void) =>
    app.delete(path, ({ req }) => {
      checkApiKey(req.raw, environment);
      change(req.param("id") ?? "");
      return new Response(null, { status: 204 });
    });
  const path = "/user_management/organization_memberships/:id";

  put("/user_management/users/:id", (id, request) => updateUser(id, request, directory));
  remove("/user_management/users/:id", (id) => directory.deleteUser(id));
  put(path, (id, request) => updateRoles(id, request, directory));
  // Whether WorkOS signs people out here as well is not documented; this does not.
  put(`${path}/deactivate`, (id) => memberships.setStatus(id, "inactive"));
  put(`${path}/reactivate`, (id) => memberships.setStatus(id, "active"));
  remove(path, (id) => memberships.remove(id));
  remove("/organizations/:id", (id) => directory.deleteOrganization(id));
  return app;
}

async function updateUser(id: string, request: Request, directory: Directory): Promise<User> {
  const user = directory.getUser(id);
  const changes = await readBody(request, userChanges);
  const namesake = changes.email === undefined ? user : directory.findUserByEmail(changes.email);
  if (namesake !== undefined && namesake !== user) {
    throw apiRefusal(400, "email_not_available", "This email is not available.");
  }
  directory.updateUser(id, {
    email: changes.email,
    emailVerified: changes.email_verified,
    firstName: changes.first_name,
    lastName: changes.last_name,
  });
  return user;
}

async function updateRoles(
  id: string,
  request: Request,
  directory: Directory,
): Promise<Membership> {
  const membership = directory.memberships.get(id);
  const { role_slug, role_slugs = role_slug } = await readBody(request, roles);
  const [highest, ...lower] = [role_slugs ?? []].flat();
  if (highest === undefined) throw invalidParameterRefusal("role_slug");
  const unknown = [highest, ...lower].find((slug) => !directory.hasRole(slug));
  if (unknown !== undefined) {
    throw apiRefusal(422, "role_not_found", `Role not found: '${unknown}'.`);
  }
  directory.memberships.setRoles(id, highest, ...lower);
  return membership;
}
