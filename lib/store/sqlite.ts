/** SQLite, built into Deno: the default store, and in memory the one for tests and the demo. */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setImmediate } from "node:timers";
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
 * answered must not be forgotten in a power cut, since WorkOS's refresh tokens work once. Writes
 * that are asked for in the same turn of the event loop share a commit, and so the sync to disk,
 * which takes five times as long as all the rest of a write.
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
  const rollBack = () => {
    if (database.isOpen && database.isTransaction) runNow("ROLLBACK", []);
  };

  let waiting: Write[] = [];
  const commit = () => {
    const writes = waiting;
    waiting = [];
    // Closed meanwhile, and committed then.
    if (writes.length === 0) return;
    const answers: (() => void)[] = [];
    try {
      runNow("BEGIN IMMEDIATE", []);
      for (const { statements, resolve, reject } of writes) {
        runNow("SAVEPOINT one", []);
        try {
          const results = statements.map(([sql, values]) => runNow(sql, values));
          answers.push(() => resolve(results));
        } catch (error) {
          // A full disk ends the whole transaction.
          if (!database.isTransaction) throw error;
          runNow("ROLLBACK TO one", []);
          answers.push(() => reject(translate(error)));
        }
        runNow("RELEASE one", []);
      }
      runNow("COMMIT", []);
      for (const answer of answers) answer();
    } catch (error) {
      let reason = error;
      try {
        rollBack();
      } catch (failure) {
        // The worse news; and thrown from here it would end the process.
        reason = failure;
      }
      for (const { reject } of writes) reject(translate(reason));
    }
  };
  const write = (statements: readonly SqlStatement[]): Promise<SqlRow[][]> => {
    if (waiting.length === 0) setImmediate(commit);
    const { promise, resolve, reject } = Promise.withResolvers<SqlRow[][]>();
    waiting.push({ statements, resolve, reject });
    return promise;
  };
  const runDirectly: RunSql = (sql, values) => attempt(() => runNow(sql, values));

  return {
    run: async (sql, values) => {
      if (sql.startsWith("SELECT")) return await runDirectly(sql, values);
      const [rows = []] = await write([[sql, values]]);
      return rows;
    },
    batch: write,
    async exclusive(work) {
      runNow("BEGIN IMMEDIATE", []);
      try {
        await work(runDirectly);
        runNow("COMMIT", []);
      } catch (error) {
        rollBack();
        throw error;
      }
    },
    close: () =>
      attempt(() => {
        commit();
        database.close();
      }),
  };
}

/** Statements that are committed together or not at all. */
interface Write {
  statements: readonly SqlStatement[];
  resolve: (results: SqlRow[][]) => void;
  reject: (error: unknown) => void;
}

/** Runs synchronous work as a promise. */
// deno-lint-ignore require-await -- the work is synchronous, what it stands for is not
async function attempt<T>(work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

/** Tells "not now" from "never". */
function translate(error: unknown): unknown {
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : -1;
  if (!TRANSIENT.has(code)) return error;
  return new UnavailableError("store_unavailable", "SQLite does not answer.", 1, { cause: error });
}
