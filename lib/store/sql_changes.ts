/** Changes that WorkOS reported, and the leases of those who fetch them, in SQL. */

import { first, type SqlDatabase } from "./sql_database.ts";
import type { Store } from "./store.ts";

/** The part of a store that is about changes. */
export type ChangeStore = Pick<
  Store,
  "insertChange" | "takeChanges" | "finishChange" | "acquireLease" | "saveLeaseValue"
>;

/** Makes that part over a database with the current schema. */
export function createChangeStore({ run }: SqlDatabase): ChangeStore {
  return {
    async insertChange({ id, change, expiresAt }) {
      const rows = await run(
        `INSERT INTO changes (id, change, handled, taken_until, expires_at)
         VALUES ($1, $2, 0, 0, $3) ON CONFLICT (id) DO NOTHING RETURNING id`,
        [id, change, expiresAt],
      );
      return rows.length > 0;
    },

    async takeChanges({ now, until, limit }) {
      const isOpen = "handled = 0 AND taken_until <= $1";
      for (;;) {
        // The condition stands twice: another replica may take a row while this one waits for it.
        const rows = await run(
          `UPDATE changes SET taken_until = $2 WHERE ${isOpen} AND id IN
             (SELECT id FROM changes WHERE ${isOpen} LIMIT $3) RETURNING id, change`,
          [now, until, limit],
        );
        // All that this one had chosen may be taken by another one, and others still be there.
        const isDone = rows.length > 0 ||
          (await run(`SELECT id FROM changes WHERE ${isOpen} LIMIT 1`, [now])).length === 0;
        if (isDone) {
          return rows.map(({ id, change }) => ({ id: String(id), change: String(change) }));
        }
      }
    },

    async finishChange(id) {
      await run("UPDATE changes SET handled = 1, change = '' WHERE id = $1", [id]);
    },

    async acquireLease({ name, owner, now, until }) {
      const rows = await run(
        `INSERT INTO leases (name, owner, until) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET owner = $2, until = $3
           WHERE leases.owner = $2 OR leases.until <= $4
         RETURNING value`,
        [name, owner, until, now],
      );
      return first<{ value: string | null }>(rows);
    },

    async saveLeaseValue({ name, owner, value, until }) {
      const rows = await run(
        "UPDATE leases SET value = $1, until = $2 WHERE name = $3 AND owner = $4 RETURNING name",
        [value, until, name, owner],
      );
      return rows.length > 0;
    },
  };
}
