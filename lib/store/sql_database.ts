/** The little that the store asks of a SQL database. */

/** A value that both databases keep as it is. */
export type SqlValue = string | number | null;

/** A row by column name. */
export type SqlRow = Record<string, unknown>;

/** A statement with `$1 … $n` and its values. */
export type SqlStatement = readonly [sql: string, values: readonly SqlValue[]];

/** Runs one statement. */
export type RunSql = (sql: string, values: readonly SqlValue[]) => Promise<SqlRow[]>;

/** A database that runs statements alone or as one transaction. */
export interface SqlDatabase {
  /** Runs one statement. */
  run: RunSql;
  /** Runs statements in one transaction: all or none, and nobody sees half of it. */
  batch(statements: readonly SqlStatement[]): Promise<SqlRow[][]>;
  /** Runs a function in one transaction that excludes every other `exclusive`, in any process. */
  exclusive(work: (run: RunSql) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** The first row, read as the columns that its statement names. */
export function first<Row = SqlRow>(rows: readonly SqlRow[] | undefined): Row | undefined {
  return rows?.[0] as Row | undefined;
}
