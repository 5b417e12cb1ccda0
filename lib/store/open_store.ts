/** Opens the store that the settings name. */

import { dirname } from "node:path";
import type { StoreLocation } from "../config.ts";
import { SettingsError, UnavailableError } from "../errors.ts";
import { NewerSchemaError } from "./schema.ts";
import { createSqlStore } from "./sql_store.ts";
import { openSqlite } from "./sqlite.ts";
import type { Store } from "./store.ts";

/**
 * Opens a store and brings its schema up to date.
 *
 * @throws {SettingsError} when it cannot be used, with what to do.
 */
export async function openStore(location: StoreLocation): Promise<Store> {
  if (location.kind === "memory") return await createSqlStore(openSqlite(":memory:"));
  if (location.kind === "postgres") return await openPostgresStore(location.url);
  return await openSqliteStore(location.path);
}

async function openSqliteStore(path: string): Promise<Store> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Made by us first, so that nobody else can read it from its first byte on.
    (await Deno.open(path, { write: true, create: true, mode: 0o600 })).close();
    return await createSqlStore(openSqlite(path));
  } catch (error) {
    if (error instanceof NewerSchemaError) throw new SettingsError([error.message]);
    const reason = error instanceof Error ? error.message : String(error);
    throw new SettingsError([
      `STORE_URL: the database ${path} cannot be used (${reason}). Make the file and its ` +
      "directory writable for this user, or set STORE_URL=sqlite:PATH to another place.",
    ]);
  }
}

async function openPostgresStore(url: string): Promise<Store> {
  const { hostname, username, pathname } = new URL(url);
  if (!username || !hostname) {
    throw new SettingsError([
      "STORE_URL names no user or no host. Write postgres://USER:PASSWORD@HOST/DATABASE.",
    ]);
  }
  // Imported here: a server with SQLite starts without it.
  const { openPostgres } = await import("./postgres.ts");
  const database = openPostgres(url);
  try {
    return await createSqlStore(database);
  } catch (error) {
    await database.close();
    if (error instanceof NewerSchemaError) throw new SettingsError([error.message]);
    const cause = error instanceof UnavailableError ? error.cause ?? error : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SettingsError([
      `STORE_URL: the database ${pathname.slice(1) || username} on ${hostname} cannot be used ` +
      `(${reason}). Check that it runs, that host, port, user, password and database are right, ` +
      "and that the user may create tables in it.",
    ]);
  }
}
