/** The stores there are, each with a way to test a new one. */

import { join } from "node:path";
import { openStore } from "../../lib/store/open_store.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import type { Store } from "../../lib/store/store.ts";
import { testNeeding } from "../support/needs.ts";
import { usePostgres } from "../support/postgres.ts";

/** A kind of store: registers a test that gets a new one. */
export interface Subject {
  name: string;
  test: (name: string, work: (store: Store) => Promise<void>) => void;
}

/** Every kind, for the tests of one file. */
export function useSubjects(): Subject[] {
  const { testPostgres, testPooled } = usePostgres();
  return [{
    name: "memory",
    test: (name, work) =>
      testNeeding({}, name, async () => {
        await withStore(await createSqlStore(openSqlite(":memory:")), work);
      }),
  }, {
    name: "SQLite",
    test: (name, work) =>
      testNeeding({ read: true, write: true }, name, async () => {
        const directory = await Deno.makeTempDir();
        await withStore(await createSqlStore(openSqlite(join(directory, "store.db"))), work);
        await Deno.remove(directory, { recursive: true });
      }),
  }, {
    name: "PostgreSQL",
    test: (name, work) =>
      testPostgres(name, async ({ createDatabase }) => {
        await withStore(await openStore({ kind: "postgres", url: await createDatabase() }), work);
      }),
  }, {
    name: "PgBouncer, pooling transactions",
    test: (name, work) =>
      testPooled(name, async ({ createDatabase }) => {
        await withStore(await openStore({ kind: "postgres", url: await createDatabase() }), work);
      }),
  }];
}

async function withStore(store: Store, work: (store: Store) => Promise<void>): Promise<void> {
  try {
    await work(store);
  } finally {
    await store.close();
  }
}
