/** The endpoints that an application reaches with its API key. */

import { Hono } from "hono";
import { checkApiKey } from "./api_key.ts";
import { createAuditLogApi } from "./audit_log_api.ts";
import { readParameters, requireParameter } from "./body.ts";
import type { Environment } from "./environment.ts";
import { apiRefusal } from "./errors.ts";
import { listEvents } from "./list_events.ts";
import { createChangesApi } from "./management_changes.ts";
import { paginate } from "./pagination.ts";
import { createAuthorizationApi } from "./resource_access.ts";

/**
 * Users, organizations, memberships, connections, sessions and events, to look at and to change.
 *
 * @param environment whose they are.
 */
export function createManagementApi(environment: Environment): Hono {
  const { directory } = environment;
  const app = new Hono();
  const get = (path: string, answer: (query: URLSearchParams, id: string) => unknown) =>
    app.get(path, ({ req }) => {
      checkApiKey(req.raw, environment);
      return Response.json(answer(new URL(req.url).searchParams, req.param("id") ?? ""));
    });

  get("/user_management/users", (query) => paginate(findUsers(query, environment), query));
  get("/user_management/users/:id", (_query, id) => directory.getUser(id));
  get(
    "/user_management/users/:id/sessions",
    (query, id) => paginate(directory.sessions.listByUser(directory.getUser(id).id), query),
  );
  get(
    "/user_management/organization_memberships",
    (query) => paginate(findMemberships(query, environment), query),
  );
  get(
    "/user_management/organization_memberships/:id",
    (_query, id) => directory.memberships.get(id),
  );
  get("/organizations", (query) => paginate(directory.listOrganizations(), query));
  get("/organizations/:id", (_query, id) => directory.getOrganization(id));
  get("/events", (query) => listEvents(directory.events, query));
  get("/connections/:id", (_query, id) => directory.connections.get(id));
  app.post("/user_management/sessions/revoke", async ({ req }) => {
    checkApiKey(req.raw, environment);
    await revokeSession(req.raw, environment);
    return new Response();
  });
  app.route("/", createChangesApi(environment));
  app.route("/", createAuditLogApi(environment));
  app.route("/", createAuthorizationApi(environment));
  return app;
}

function findUsers(query: URLSearchParams, { directory }: Environment) {
  const email = query.get("email");
  const organizationId = query.get("organization_id");
  const users = email === null ? directory.listUsers() : [directory.findUserByEmail(email) ?? []];
  return users.flat().filter((user) =>
    organizationId === null ||
    directory.findActiveMembership(user.id, organizationId) !== undefined
  );
}

/** Active ones, unless `statuses` says otherwise. */
function findMemberships(query: URLSearchParams, { directory }: Environment) {
  const userId = query.get("user_id") ?? undefined;
  const organizationId = query.get("organization_id") ?? undefined;
  if (userId === undefined && organizationId === undefined) {
    throw apiRefusal(
      400,
      "missing_user_id_or_organization_id",
      "Send user_id or organization_id, or both.",
    );
  }
  const statuses = query.get("statuses")?.split(",") ?? ["active"];
  return directory.listMemberships({ userId, organizationId })
    .filter((membership) => statuses.includes(membership.status))
    .map((membership) => ({ ...membership, user: directory.getUser(membership.user_id) }));
}

/** 400 for a session nobody knows, as documented; a session that has ended stays ended. */
async function revokeSession(request: Request, { directory }: Environment): Promise<void> {
  const sessionId = requireParameter(await readParameters(request), "session_id");
  if (directory.sessions.get(sessionId) === undefined) {
    throw apiRefusal(400, "session_not_found", `Session not found: '${sessionId}'.`);
  }
  directory.revokeSession(sessionId);
}
