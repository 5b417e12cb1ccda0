/** SQLite, built into Deno: the default store, and in memory the one for tests and the demo. */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { UnavailableError } from "../errors.ts";
import type { RunSql, SqlDatabase, SqlRow, SqlStatement, SqlValue } from "./sql_database.ts";

/** How long a statement waits for another process that writes, in milliseconds. */
const BUSY_TIMEOUT = 5000;

/** Primary result codes of SQLite that mean "not now": busy, locked, I/O error, full, can't open. */
const TRANSIENT = new Set([5, 6, 10, 13, 14]);

/**
 * Opens a database.
 *
 * Write-ahead log, so that readers never wait for a writer. `synchronous=FULL`: a token that was
 * answered must not be forgotten in a power cut, since WorkOS's refresh tokens work once.
 *
 * @param path a file, made if it is not there, or `:memory:`.
 */
export function openSqlite(path: string): SqlDatabase {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA busy_timeout = ${BUSY_TIMEOUT};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
  `);
  const statements = new Map<string, StatementSync>();

  const runNow = (sql: string, values: readonly SqlValue[]): SqlRow[] => {
    let statement = statements.get(sql);
    if (!statement) {
      // `$1` is a name to SQLite and `?1` a position; PostgreSQL only knows `$1`.
      statement = database.prepare(sql.replaceAll(/\$(\d+)/g, "?$1"));
      statements.set(sql, statement);
    }
    return statement.all(...values);
  };
  const transact = <T>(work: () => T): T => {
    runNow("BEGIN IMMEDIATE", []);
    try {
      const result = work();
      runNow("COMMIT", []);
      return result;
    } catch (error) {
      if (database.isTransaction) runNow("ROLLBACK", []);
      throw error;
    }
  };
  const run: RunSql = (sql, values) => attempt(() => runNow(sql, values));

  return {
    run,
    batch: (list: readonly SqlStatement[]) =>
      attempt(() => transact(() => list.map(([sql, values]) => runNow(sql, values)))),
    async exclusive(work) {
      runNow("BEGIN IMMEDIATE", []);
      try {
        await work(run);
        runNow("COMMIT", []);
      } catch (error) {
        if (database.isTransaction) runNow("ROLLBACK", []);
        throw error;
      }
    },
    close: () => attempt(() => database.close()),
  };
}

/** Runs synchronous work as a promise, and tells "not now" from "never". */
async function attempt<T>(work: () => T): Promise<T> {
  try {
    return await Promise.resolve(work());
  } catch (error) {
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : -1;
    if (!TRANSIENT.has(code)) throw error;
    throw new UnavailableError("store_unavailable", "SQLite does not answer.", 1, { cause: error });
  }
}
