/** The endpoints of Audit Logs. */

import { Hono } from "hono";
import * as z from "zod";
import { checkApiKey } from "./api_key.ts";
import { auditLogEvent, auditLogSchema } from "./audit_log_schema.ts";
import { readBody } from "./body.ts";
import type { Environment } from "./environment.ts";

const newEvent = z.object({ organization_id: z.string(), event: auditLogEvent });

/**
 * Events, and the actions and schemas that allow them.
 *
 * @param environment whose audit log it is.
 */
export function createAuditLogApi(environment: Environment): Hono {
  const { auditLog, directory } = environment;
  const app = new Hono();
  app.use("/audit_logs/*", async ({ req }, next) => {
    checkApiKey(req.raw, environment);
    await next();
  });
  app.post("/audit_logs/events", async ({ req }) => {
    const { organization_id, event } = await readBody(req.raw, newEvent);
    const idempotencyKey = req.header("idempotency-key");
    auditLog.record({
      organizationId: directory.getOrganization(organization_id).id,
      event,
      ...idempotencyKey !== undefined && { idempotencyKey },
    });
    return Response.json({ success: true });
  });
  app.get("/audit_logs/actions", () => Response.json(listAll(auditLog.listActions())));
  app.get(
    "/audit_logs/actions/:action/schemas",
    ({ req }) => Response.json(listAll(auditLog.listSchemas(req.param("action")))),
  );
  app.post("/audit_logs/actions/:action/schemas", async ({ req }) => {
    const schema = await readBody(req.raw, auditLogSchema);
    return Response.json(auditLog.addSchema(req.param("action"), schema), { status: 201 });
  });
  return app;
}

/** In one page: there are few. */
function listAll(data: readonly unknown[]) {
  return { object: "list", data, list_metadata: { before: null, after: null } };
}
