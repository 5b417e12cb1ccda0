/** Reading a grant beside something else out of one row. */

import { first, type SqlRow } from "./sql_database.ts";
import type { GrantRow, WithGrant } from "./store.ts";

/** The columns of a grant, under names that those of a token do not have. */
export const GRANT_COLUMNS = `grants.id AS "grantId", client_id AS "clientId", user_id AS "userId",
  session_id AS "sessionId", organization_id AS "organizationId", resource,
  approved_scope AS "approvedScope", grants.scope AS "grantScope", permissions,
  sealed_session AS "sealedSession", session_version AS "sessionVersion",
  session_expires_at AS "sessionExpiresAt", created_at AS "createdAt",
  grants.expires_at AS "grantExpiresAt"`;

/** A row of a statement with {@link GRANT_COLUMNS}. */
export type GrantColumns =
  & Omit<GrantRow, "id" | "scope" | "expiresAt">
  & { grantId: string; grantScope: string; grantExpiresAt: number };

/** The first row of a statement with {@link GRANT_COLUMNS}, the grant's columns in one object. */
export function withGrant<Row>(rows: readonly SqlRow[]): WithGrant<Row> | undefined {
  const row = first<GrantColumns & Row>(rows);
  if (!row) return undefined;
  const { grantId, clientId, userId, sessionId, organizationId, resource, approvedScope } = row;
  const { grantScope, permissions, sealedSession, sessionVersion } = row;
  const grant = {
    ...{ id: grantId, clientId, userId, sessionId, organizationId, resource, approvedScope },
    ...{ scope: grantScope, permissions, sealedSession, sessionVersion },
    sessionExpiresAt: row.sessionExpiresAt,
    createdAt: row.createdAt,
    expiresAt: row.grantExpiresAt,
  };
  return { ...row, grant };
}
