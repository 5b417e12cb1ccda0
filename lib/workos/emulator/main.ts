/**
 * `deno task emulator [PORT] [WEBHOOK_URL]`: the emulator on a port of its own, reachable from this
 * machine; events are posted to WEBHOOK_URL, on this machine too.
 */

import { CommandError, ExitCode } from "../../errors.ts";
import { delay } from "./delay.ts";
import { createEmulator, type Emulator, emulatorCredentials } from "./emulator.ts";
import { describeUser } from "./people.ts";
import type { WebhookAttempt } from "./webhooks.ts";

const DEFAULT_PORT = 4100;

/** Hosts that are this machine; permissions allow no other. */
const LOCAL_HOSTS = ["localhost", "127.0.0.1"];

try {
  await serve(readArguments(Deno.args));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  Deno.exit(error.exitCode);
}

interface Arguments {
  port: number;
  /** Where events are posted; absent: nowhere. */
  webhookUrl?: string;
}

function readArguments(
  [port = String(DEFAULT_PORT), webhookUrl, ...rest]: readonly string[],
): Arguments {
  const number = Number(port);
  const isPort = Number.isInteger(number) && number > 0 && number < 65536;
  if (isPort && rest.length === 0) {
    if (webhookUrl === undefined) return { port: number };
    if (isLocal(webhookUrl)) return { port: number, webhookUrl };
  }
  throw new CommandError(
    "usage",
    "Usage: deno task emulator [PORT] [WEBHOOK_URL]\n" +
      "WEBHOOK_URL begins with http://localhost or http://127.0.0.1.",
    ExitCode.usage,
  );
}

function isLocal(url: string): boolean {
  const { protocol, hostname } = URL.parse(url) ?? {};
  return protocol === "http:" && LOCAL_HOSTS.includes(hostname ?? "");
}

async function serve({ port, webhookUrl }: Arguments): Promise<void> {
  const origin = `http://localhost:${port}`;
  const emulator = createEmulator({
    origin,
    now: Date.now,
    redirectUris: ["http://localhost:*/auth/callback", "http://127.0.0.1:*/auth/callback"],
  });
  const webhooks = webhookUrl === undefined
    ? undefined
    : emulator.deliverWebhooks({ url: webhookUrl, fetch, wait: delay, onAttempt: report });
  const stop = new AbortController();
  Deno.addSignalListener("SIGINT", () => stop.abort());
  // Windows has no SIGTERM.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", () => stop.abort());
  try {
    await Deno.serve({
      hostname: "127.0.0.1",
      port,
      signal: stop.signal,
      onListen: () => console.log(describeEmulator(origin, emulator, webhookUrl)),
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
  } finally {
    await webhooks?.stop();
  }
}

function report({ event, number, status }: WebhookAttempt): void {
  console.log(`Webhook ${event.event} (${event.id}), attempt ${number}: ${status ?? "no answer"}`);
}

function describeEmulator(origin: string, { directory }: Emulator, webhookUrl?: string): string {
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
    ...webhookUrl === undefined ? [] : [
      `  WORKOS_WEBHOOK_SECRET=${emulatorCredentials.webhookSecret}`,
      "",
      `Events are posted to ${webhookUrl}`,
      "To cause some, sign in, or delete somebody:",
      `  curl -X DELETE -H "Authorization: Bearer ${emulatorCredentials.apiKey}" \\`,
      `    ${origin}/user_management/users/user_bob`,
    ],
  ].join("\n");
}
