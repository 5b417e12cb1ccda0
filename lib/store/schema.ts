/** The tables, and how an older database becomes a current one. The same SQL serves both stores. */

import type { SqlDatabase } from "./sql_database.ts";

/** One step a version, never edited once released. */
const MIGRATIONS: readonly (readonly string[])[] = [[
  `CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  )`,
  `CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    metadata TEXT NOT NULL,
    secret_hash TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE TABLE sign_ins (
    id TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    closed INTEGER NOT NULL,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE TABLE used_ids (
    id TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    organization_id TEXT,
    scope TEXT NOT NULL,
    sealed_session TEXT NOT NULL,
    session_version BIGINT NOT NULL,
    session_expires_at BIGINT NOT NULL,
    renewal_owner TEXT,
    renewal_until BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE TABLE codes (
    hash TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    wrapped_key TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    redeemed_for TEXT,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE TABLE access_tokens (
    hash TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    wrapped_key TEXT NOT NULL,
    scope TEXT NOT NULL,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE TABLE refresh_tokens (
    hash TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    wrapped_key TEXT NOT NULL,
    rotated_at BIGINT,
    rotation_salt TEXT,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE INDEX codes_grant ON codes (grant_id)`,
  `CREATE INDEX access_tokens_grant ON access_tokens (grant_id)`,
  `CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id)`,
  `CREATE INDEX clients_expiry ON clients (expires_at)`,
  `CREATE INDEX sign_ins_expiry ON sign_ins (expires_at)`,
  `CREATE INDEX used_ids_expiry ON used_ids (expires_at)`,
  `CREATE INDEX grants_expiry ON grants (expires_at)`,
  `CREATE INDEX codes_expiry ON codes (expires_at)`,
  `CREATE INDEX access_tokens_expiry ON access_tokens (expires_at)`,
  `CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at)`,
  `CREATE INDEX grants_session ON grants (session_id)`,
  `CREATE INDEX grants_user ON grants (user_id)`,
  `CREATE INDEX grants_organization ON grants (organization_id)`,
], [
  // Before, what had been approved was forgotten when it shrank; what is left of it is known.
  `ALTER TABLE grants ADD COLUMN approved_scope TEXT NOT NULL DEFAULT ''`,
  `UPDATE grants SET approved_scope = scope`,
], [
  // Nobody knows what resource the grants of before are for, so people sign in again.
  `DELETE FROM grants`,
  `ALTER TABLE grants ADD COLUMN resource TEXT NOT NULL DEFAULT ''`,
], [
  `ALTER TABLE grants ADD COLUMN permissions TEXT NOT NULL DEFAULT ''`,
  `ALTER TABLE grants ADD COLUMN stale INTEGER NOT NULL DEFAULT 0`,
  // The permissions of the grants of before are only in what is sealed, so WorkOS is asked.
  `UPDATE grants SET session_expires_at = 0`,
  `CREATE TABLE changes (
    id TEXT PRIMARY KEY,
    change TEXT NOT NULL,
    handled INTEGER NOT NULL,
    taken_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
  )`,
  `CREATE INDEX changes_expiry ON changes (expires_at)`,
  `CREATE INDEX changes_open ON changes (handled, taken_until)`,
  `CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT,
    until BIGINT NOT NULL,
    value TEXT
  )`,
]];

/** The store was written by a newer version of this server. */
export class NewerSchemaError extends Error {
  readonly code = "newer_schema";

  constructor(found: number) {
    super(
      `The store was written by a newer version of this server (schema ${found}, this one knows ` +
        `${MIGRATIONS.length}). Update the server, or point STORE_URL elsewhere.`,
    );
    this.name = "NewerSchemaError";
  }
}

/**
 * Brings a database to the current schema. Safe to run from several processes at once: each step
 * is one transaction under a lock, and looks at the version inside it.
 *
 * @throws {NewerSchemaError} when the database is ahead of this code.
 */
export async function migrate(database: SqlDatabase): Promise<void> {
  await database.exclusive(async (run) => {
    await run("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)", []);
    const [row] = await run("SELECT MAX(version) AS version FROM schema_version", []);
    const found = Number(row?.version ?? 0);
    if (found > MIGRATIONS.length) throw new NewerSchemaError(found);
    for (const [index, statements] of MIGRATIONS.entries()) {
      if (index < found) continue;
      for (const statement of statements) await run(statement, []);
      await run("INSERT INTO schema_version (version) VALUES ($1)", [index + 1]);
    }
  });
}
