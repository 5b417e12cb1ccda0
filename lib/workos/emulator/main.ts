/** `deno task emulator [PORT]`: the emulator on a port of its own, reachable from this machine. */

import { CommandError, ExitCode } from "../../errors.ts";
import { createEmulator, type Emulator, emulatorCredentials } from "./emulator.ts";
import { describeUser } from "./people.ts";

const DEFAULT_PORT = 4100;

try {
  await serve(readPort(Deno.args));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  Deno.exit(error.exitCode);
}

function readPort([argument = String(DEFAULT_PORT), ...rest]: readonly string[]): number {
  const port = Number(argument);
  if (Number.isInteger(port) && port > 0 && port < 65536 && rest.length === 0) return port;
  throw new CommandError("usage", "Usage: deno task emulator [PORT]", ExitCode.usage);
}

async function serve(port: number): Promise<void> {
  const origin = `http://localhost:${port}`;
  const emulator = createEmulator({
    origin,
    now: Date.now,
    redirectUris: ["http://localhost:*/auth/callback", "http://127.0.0.1:*/auth/callback"],
  });
  const stop = new AbortController();
  Deno.addSignalListener("SIGINT", () => stop.abort());
  // Windows has no SIGTERM.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", () => stop.abort());
  try {
    await Deno.serve({
      hostname: "127.0.0.1",
      port,
      signal: stop.signal,
      onListen: () => console.log(describeEmulator(origin, emulator)),
    }, (request) => emulator.fetch(request)).finished;
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new CommandError(
      "port_in_use",
      `Port ${port} is in use: stop what listens there, or name another port, ` +
        `deno task emulator ${port + 1}`,
      ExitCode.usage,
      { cause: error },
    );
  }
}

function describeEmulator(origin: string, { directory }: Emulator): string {
  const people = directory.listUsers()
    .map((user) => `  ${user.email.padEnd(18)} ${describeUser(user, directory)}`);
  return [
    `WorkOS emulator on ${origin}, with nobody's real account. Ctrl+C stops it.`,
    "",
    "People, without passwords (alice also through the SSO connection conn_acme):",
    ...people,
    "",
    "A server uses it with these lines in .env:",
    `  WORKOS_API_URL=${origin}`,
    `  WORKOS_CLIENT_ID=${emulatorCredentials.clientId}`,
    `  WORKOS_API_KEY=${emulatorCredentials.apiKey}`,
  ].join("\n");
}
