/** What concerns many grants at once, in SQL. */

import { first, type SqlDatabase, type SqlStatement } from "./sql_database.ts";
import type { GrantSelection, Store } from "./store.ts";

/** The part of a store that is about many grants. */
export type SelectionStore = Pick<
  Store,
  "deleteGrants" | "markStale" | "noteAccessChange" | "countAccessChanges" | "countGrants"
>;

/** The row of `leases` that counts changes. Nobody holds it. */
const CHANGES = "access changes";

/**
 * One statement about many grants at a time: two would lock the same rows in different orders, and
 * PostgreSQL would end one of them.
 */
const WAIT_FOR_OTHERS: SqlStatement = [
  "INSERT INTO leases (name, until) VALUES ($1, 0) ON CONFLICT (name) DO UPDATE SET until = 0",
  ["many grants"],
];

/** Makes that part over a database with the current schema. */
export function createSelectionStore({ run, batch }: SqlDatabase): SelectionStore {
  return {
    async deleteGrants({ createdBefore, ...selection }) {
      const [condition, values] = selectGrants(selection, 2);
      const [, rows = []] = await batch([WAIT_FOR_OTHERS, [
        `DELETE FROM grants WHERE created_at < $1 AND ${condition}
         RETURNING id, client_id AS "clientId", user_id AS "userId", session_id AS "sessionId",
           organization_id AS "organizationId"`,
        [createdBefore, ...values],
      ]]);
      return rows.map(({ id, clientId, userId, sessionId, organizationId }) => ({
        id: String(id),
        clientId: String(clientId),
        userId: String(userId),
        sessionId: String(sessionId),
        organizationId: organizationId === null ? null : String(organizationId),
      }));
    },

    async markStale(selection) {
      const [condition, values]: SqlStatement = selection === "everybody"
        ? ["1 = 1", []]
        : selectGrants(selection, 1);
      // A renewal that runs now may have read what was before; `stale` outlives what it stores.
      await batch([WAIT_FOR_OTHERS, [
        `UPDATE grants SET session_expires_at = 0, stale = 1
         WHERE ${condition} AND (stale = 0 OR session_expires_at <> 0)`,
        values,
      ]]);
    },

    async noteAccessChange() {
      await run(
        `INSERT INTO leases (name, until, value) VALUES ($1, 0, '1') ON CONFLICT (name)
         DO UPDATE SET value = CAST(CAST(leases.value AS BIGINT) + 1 AS TEXT)`,
        [CHANGES],
      );
    },

    async countAccessChanges() {
      const rows = await run("SELECT value FROM leases WHERE name = $1", [CHANGES]);
      return Number(first(rows)?.value ?? 0);
    },

    async countGrants(now) {
      const rows = await run("SELECT COUNT(*) AS count FROM grants WHERE expires_at > $1", [now]);
      return Number(first(rows)?.count);
    },
  };
}

/** @param start number of the first of the condition's values. */
function selectGrants(
  { sessionId, userIds, organizationId }: GrantSelection,
  start: number,
): SqlStatement {
  const conditions: string[] = [];
  const values: string[] = [];
  const add = (column: string, wanted: readonly string[]) => {
    const places = wanted.map((_, index) => `$${start + values.length + index}`);
    conditions.push(places.length === 0 ? "1 = 0" : `${column} IN (${places.join(", ")})`);
    values.push(...wanted);
  };
  if (sessionId !== undefined) add("session_id", [sessionId]);
  if (userIds !== undefined) add("user_id", userIds);
  if (organizationId !== undefined) add("organization_id", [organizationId]);
  if (conditions.length === 0) throw new Error("A selection of all grants is a mistake.");
  return [conditions.join(" AND "), values];
}
