/** The store in SQL. SQLite and PostgreSQL run the same statements. */

import { migrate } from "./schema.ts";
import { first, type SqlDatabase } from "./sql_database.ts";
import { createChangeStore } from "./sql_changes.ts";
import { createGrantStore } from "./sql_grants.ts";
import { createSelectionStore } from "./sql_selections.ts";
import type { ClientRow, SignInRow, Store } from "./store.ts";

/** Tables that are swept, with their keys. Tokens go before the grants they point to. */
const EXPIRING = [
  ["sign_ins", "id"],
  ["used_ids", "id"],
  ["changes", "id"],
  ["codes", "hash"],
  ["access_tokens", "hash"],
  ["refresh_tokens", "hash"],
  ["grants", "id"],
  ["clients", "id"],
] as const;

/**
 * Makes a store over a database, bringing its schema up to date.
 *
 * @throws {NewerSchemaError} when the database was written by a newer version.
 */
export async function createSqlStore(database: SqlDatabase): Promise<Store> {
  await migrate(database);
  const { run, batch } = database;

  return {
    async getSecret(name, fresh) {
      const [, rows] = await batch([
        [
          "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
          [name, fresh],
        ],
        ["SELECT value FROM secrets WHERE name = $1", [name]],
      ]);
      return String(first(rows)?.value);
    },

    async insertClient(client) {
      await run(
        `INSERT INTO clients (id, metadata, secret_hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)`,
        [client.id, client.metadata, client.secretHash, client.createdAt, client.expiresAt],
      );
    },

    async findClient(id, now) {
      // Whoever asks chooses the id, and PostgreSQL refuses a text with NUL.
      if (id.includes("\0")) return undefined;
      const rows = await run(
        `SELECT id, metadata, secret_hash AS "secretHash", created_at AS "createdAt",
           expires_at AS "expiresAt"
         FROM clients WHERE id = $1 AND expires_at > $2`,
        [id, now],
      );
      return first<ClientRow>(rows);
    },

    async openSignIn(signIn) {
      const [, rows] = await batch([
        [
          `INSERT INTO sign_ins (id, sealed, closed, expires_at) VALUES ($1, $2, 0, $3)
           ON CONFLICT (id) DO NOTHING`,
          [signIn.id, signIn.sealed, signIn.expiresAt],
        ],
        ["SELECT closed FROM sign_ins WHERE id = $1", [signIn.id]],
      ]);
      return Number(first(rows)?.closed) === 0;
    },

    async closeSignIn(id, expiresAt) {
      await run(
        `INSERT INTO sign_ins (id, sealed, closed, expires_at) VALUES ($1, '', 1, $2)
         ON CONFLICT (id) DO UPDATE SET closed = 1`,
        [id, expiresAt],
      );
    },

    async findSignIn(id, now) {
      const rows = await run(
        `SELECT id, sealed, expires_at AS "expiresAt" FROM sign_ins
         WHERE id = $1 AND closed = 0 AND expires_at > $2`,
        [id, now],
      );
      return first<SignInRow>(rows);
    },

    async takeSignIn(id, now) {
      const rows = await run(
        `UPDATE sign_ins SET closed = 1 WHERE id = $1 AND closed = 0 AND expires_at > $2
         RETURNING id, sealed, expires_at AS "expiresAt"`,
        [id, now],
      );
      return first<SignInRow>(rows);
    },

    async useOnce(id, expiresAt) {
      const rows = await run(
        `INSERT INTO used_ids (id, expires_at) VALUES ($1, $2)
         ON CONFLICT (id) DO NOTHING RETURNING id`,
        [id, expiresAt],
      );
      return rows.length > 0;
    },

    ...createGrantStore(database),
    ...createSelectionStore(database),
    ...createChangeStore(database),

    async sweep(now, limit) {
      let deleted = 0;
      for (const [table, key] of EXPIRING) {
        // The condition stands twice: a row may be prolonged while this statement waits for it.
        const rows = await run(
          `DELETE FROM ${table} WHERE expires_at <= $1 AND ${key} IN
             (SELECT ${key} FROM ${table} WHERE expires_at <= $1 LIMIT $2) RETURNING ${key}`,
          [now, limit],
        );
        deleted += rows.length;
      }
      return deleted;
    },

    async ping() {
      await run("SELECT 1 AS one", []);
    },

    close: () => database.close(),
  };
}
