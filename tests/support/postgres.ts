/** A PostgreSQL server to test against: one of its own for each test file, thrown away afterwards. */

import { join } from "node:path";
import { testNeeding } from "./needs.ts";
import { findFreePort, PROCESS_NEEDS } from "./server_process.ts";

/** A running PostgreSQL. */
export interface PostgresServer {
  /** Makes an empty database and returns its URL. */
  createDatabase: () => Promise<string>;
  /** Ends the server at once, as a crash would. */
  crash: () => Promise<void>;
  /** Starts it again after a crash. */
  start: () => Promise<void>;
}

interface RunningServer extends PostgresServer {
  port: number;
  stop: () => Promise<void>;
}

/** Registers a test: a sentence of behaviour, and what it does with a server. */
type Register = (name: string, work: (server: PostgresServer) => Promise<void>) => void;

/** User and group `nobody`: neither program runs as root. */
const NOBODY = 65_534;

const USER = "postgres";
const PASSWORD = "secret";

const NEEDS = { ...PROCESS_NEEDS, sys: true } as const;

/**
 * Makes two ways of registering tests against one PostgreSQL, which starts with the first of them:
 * directly, and through a PgBouncer that pools transactions. A test is ignored, with the reason in
 * its name, where a permission or one of the programs is missing.
 */
export function usePostgres(): { testPostgres: Register; testPooled: Register } {
  const postgres = findDirectory("initdb");
  const pgbouncer = findDirectory("pgbouncer");
  let server: Promise<RunningServer> | undefined;
  let pooled: Promise<RunningServer> | undefined;
  const useServer = () => server ??= startPostgres(postgres ?? "");
  const usePooled = () => pooled ??= useServer().then((to) => startPgbouncer(pgbouncer ?? "", to));
  Deno.test.afterAll(async () => {
    await (await pooled)?.stop();
    await (await server)?.stop();
  });
  const register =
    (isMissing: boolean, program: string, use: () => Promise<RunningServer>): Register =>
    (name, work) => {
      if (isMissing && isGranted("read")) {
        Deno.test({ name: `${name} [needs ${program}]`, ignore: true, fn() {} });
        return;
      }
      testNeeding(NEEDS, name, async () => await work(await use()));
    };
  return {
    testPostgres: register(postgres === undefined, "PostgreSQL", useServer),
    testPooled: register(
      postgres === undefined || pgbouncer === undefined,
      "PostgreSQL and PgBouncer",
      usePooled,
    ),
  };
}

async function startPostgres(programs: string): Promise<RunningServer> {
  const directory = await makeDirectory({ password: PASSWORD });
  const run = (program: string, ...args: string[]) =>
    runAsNobody(join(programs, program), ["-D", join(directory, "data"), ...args]);
  await run(
    "initdb",
    ...[`--username=${USER}`, "--auth=scram-sha-256", `--pwfile=${join(directory, "password")}`],
    ...["--encoding=UTF8", "--locale=C", "--no-sync"],
  );
  const port = findFreePort();
  const options = `-p ${port} -k ${directory} -c listen_addresses=127.0.0.1 -c fsync=off`;
  const start = () => run("pg_ctl", "start", "-w", "-l", join(directory, "log"), "-o", options);
  const crash = () => run("pg_ctl", "stop", "-w", "-m", "immediate");
  await start();
  let databases = 0;
  return {
    port,
    start,
    crash,
    async createDatabase() {
      // Imported here: it looks into the environment when it is used.
      const { default: postgres } = await import("postgres");
      const sql = postgres(buildUrl(port, "postgres"), { max: 1 });
      const name = `test_${++databases}`;
      await sql.unsafe(`CREATE DATABASE ${name}`);
      await sql.end();
      return buildUrl(port, name);
    },
    async stop() {
      await crash();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Two server connections for everybody: whoever relies on a session of their own is found out. */
async function startPgbouncer(programs: string, server: RunningServer): Promise<RunningServer> {
  const port = findFreePort();
  const directory = await makeDirectory({
    users: `"${USER}" "${PASSWORD}"`,
    "pgbouncer.ini": `
      [databases]
      * = host=127.0.0.1 port=${server.port}
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = ${port}
      unix_socket_dir =
      auth_type = scram-sha-256
      auth_file = users
      pool_mode = transaction
      default_pool_size = 2
      logfile = log
      pidfile = pid`.replaceAll(/^ +/gm, ""),
  });
  await runAsNobody(join(programs, "pgbouncer"), ["-d", "pgbouncer.ini"], directory);
  return {
    ...server,
    port,
    async createDatabase() {
      const { pathname } = new URL(await server.createDatabase());
      return buildUrl(port, pathname.slice(1));
    },
    async stop() {
      Deno.kill(Number(await Deno.readTextFile(join(directory, "pid"))), "SIGTERM");
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function buildUrl(port: number, database: string): string {
  return `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/${database}`;
}

/** Makes a temporary directory with files in it, all owned by who runs the programs. */
async function makeDirectory(files: Record<string, string>): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "postgres-" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(directory, name), text);
  }
  if (Deno.uid() === 0) {
    for (const name of ["", ...Object.keys(files)]) {
      await Deno.chown(join(directory, name), NOBODY, NOBODY);
    }
  }
  return directory;
}

async function runAsNobody(program: string, args: string[], cwd: string = "/"): Promise<void> {
  const { success } = await new Deno.Command(program, {
    ...(Deno.uid() === 0 && { uid: NOBODY, gid: NOBODY }),
    args,
    cwd,
    // What stays in the background would keep a pipe open.
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed.`);
}

function isGranted(name: "read"): boolean {
  return Deno.permissions.querySync({ name }).state === "granted";
}

/** Where a program is. Debian keeps each version of PostgreSQL in a directory off the PATH. */
function findDirectory(program: string): string | undefined {
  if (!isGranted("read")) return undefined;
  const versions = list("/usr/lib/postgresql").map(Number).sort((a, b) => b - a);
  return [
    ...versions.map((version) => `/usr/lib/postgresql/${version}/bin`),
    "/usr/local/bin",
    "/usr/bin",
    "/usr/sbin",
    "/opt/homebrew/bin",
  ].find((directory) => list(directory).includes(program));
}

function list(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
