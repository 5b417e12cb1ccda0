/** PostgreSQL, and what speaks its protocol: the store for several replicas. */

import postgres from "postgres";
import { UnavailableError } from "../errors.ts";
import { createSlots } from "./slots.ts";
import type { RunSql, SqlDatabase } from "./sql_database.ts";

/** How long one statement may take, waiting for locks included, in milliseconds. */
const STATEMENT_TIMEOUT = 5000;

/** The same for a migration, and for waiting until another replica has done it. */
const MIGRATION_TIMEOUT = 60_000;

/** Key of the advisory lock that migrations take: a number of this project's own. */
const MIGRATION_LOCK = 7_306_421_889;

/** Connections of one process. */
const MAX_CONNECTIONS = 10;

/** How often a transaction is run that lost to another one. */
const TRIES = 3;

/**
 * Lost to a concurrent transaction and rolled back: a deadlock, a serialization failure, a row
 * whose grant was deleted meanwhile. Run again, the statements see what the other one did.
 */
const LOST_RACE = new Set(["40P01", "40001", "23503"]);

/**
 * SQLSTATE classes that say "not now": connection, a read-only standby, logging in, transaction
 * lost, resources (too many connections, disk full), lock not available, operator (shutdown,
 * statement timeout), system.
 */
const TRANSIENT = /^(?:08|25|28|3D|40|53|55|57|58)/;

const { PostgresError } = postgres;

/**
 * Opens a pool of connections. None is made before the first statement, and lost ones come back by
 * themselves.
 *
 * Works through a transaction-mode pooler (PgBouncer): nothing outlives a transaction on the
 * server, neither prepared statements nor settings. That is why every statement runs in a
 * transaction, at the price of two more round trips: it is the only place where such a pooler
 * lets a time limit be set. Limits end a statement that waits for a lock, and a transaction whose
 * replica has vanished with its locks.
 *
 * @param url `postgres://user:password@host:port/database`, with `?sslmode=verify-full` for TLS.
 * @param statementTimeout milliseconds that one statement may take.
 */
export function openPostgres(
  url: string,
  { statementTimeout = STATEMENT_TIMEOUT }: { statementTimeout?: number } = {},
): SqlDatabase {
  const createPool = () =>
    postgres(url, {
      max: MAX_CONNECTIONS,
      prepare: false,
      // Only needed for arrays, and asked for on every new connection.
      fetch_types: false,
      // Milliseconds since 1970 fit into a number.
      types: { int8: { to: 20, from: [20], parse: Number, serialize: String } },
      connect_timeout: statementTimeout / 1000,
      // Shorter than a firewall remembers an idle connection.
      idle_timeout: 60,
      // Nothing is sent without a request that waits for it, so there is no storm to hold back.
      backoff: () => 0.1,
      onnotice() {},
    });
  let pool = createPool();
  // Waiting for a connection is done here: in the pool it would look like a server that is silent.
  const withConnection = createSlots(MAX_CONNECTIONS, 2 * statementTimeout);

  const transactOnce = async <T>(
    work: (run: RunSql) => Promise<T>,
    timeout: number,
  ): Promise<T> => {
    const used = pool;
    const transaction = used.begin(async (connection) => {
      const run: RunSql = async (sql, values) => {
        try {
          return [...await connection.unsafe(sql, [...values])];
        } catch (error) {
          if (error instanceof PostgresError && !isFatal(error)) throw error;
          // The connection is gone, and `begin` rejects by itself. If this function ended, the
          // library would write ROLLBACK to a closed socket, which ends the process.
          return await new Promise<never>(() => {});
        }
      };
      const limits = run(
        `SET LOCAL statement_timeout = ${timeout};
         SET LOCAL idle_in_transaction_session_timeout = ${timeout}`,
        [],
      );
      const [result] = await Promise.all([work(run), limits]);
      return { result };
    });
    return (await withDeadline(transaction, 2 * timeout, () => {
      if (pool === used) pool = createPool();
      void used.end({ timeout: 0 });
    })).result;
  };

  const transact = async <T>(
    work: (run: RunSql) => Promise<T>,
    timeout = statementTimeout,
  ): Promise<T> => {
    for (let attempt = 1;; attempt++) {
      try {
        return await withConnection(() => transactOnce(work, timeout));
      } catch (error) {
        const lostRace = error instanceof PostgresError && LOST_RACE.has(error.code);
        if (!lostRace || attempt === TRIES) throw translate(error);
      }
    }
  };

  return {
    run: (sql, values) => transact((run) => run(sql, values)),
    batch: (list) => transact((run) => Promise.all(list.map(([sql, values]) => run(sql, values)))),
    exclusive: (work) =>
      transact(async (run) => {
        await run("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
        await work(run);
      }, MIGRATION_TIMEOUT),
    close: () => pool.end({ timeout: 1 }),
  };
}

/**
 * Waits for an answer. The server's own limits end a slow statement before; this one is for a
 * server that is not there to keep them: a machine or a network that vanished, a load balancer
 * that takes connections for nobody. Its connections have to go, or they block the pool until TCP
 * gives them up, a quarter of an hour later.
 */
async function withDeadline<T>(
  answer: Promise<T>,
  deadline: number,
  giveUp: () => void,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      giveUp();
      reject(
        new UnavailableError("store_unavailable", `PostgreSQL is silent for ${deadline} ms.`, 1),
      );
    }, deadline);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the server closes the connection after this. Poolers leave the newer field out. */
function isFatal({ severity, severity_local }: InstanceType<typeof PostgresError>): boolean {
  return /^(?:FATAL|PANIC)$/.test(severity ?? severity_local);
}

/** Tells "not now" from "never": what the server says, or what happened to a connection or TLS. */
function translate(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const transient = error instanceof PostgresError
    ? TRANSIENT.test(code)
    : /^(?:CONNECT|E[A-Z])|CERT|VERIFY/.test(code);
  if (!transient) return error;
  return new UnavailableError("store_unavailable", "PostgreSQL does not answer.", 1, {
    cause: error,
  });
}
