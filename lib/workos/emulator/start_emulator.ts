/** The emulator beside a server that has no WorkOS account. */

import type { WorkOSConfig, WorkOSCredentials } from "../config.ts";
import { delay } from "./delay.ts";
import { createEmulator, emulatorCredentials } from "./emulator.ts";

/** Where `deno task emulator` listens; beside a server, the first choice. */
const PORT = 4100;

/** A running emulator, as settings for the server. */
export interface RunningEmulator {
  workos:
    & { credentials: WorkOSCredentials; apiUrl: string }
    & Pick<WorkOSConfig, "events" | "webhookSecret">;
  stop(): Promise<void>;
}

/**
 * Starts an emulator in this process, on a port of its own.
 *
 * @param config of the server: its `/auth/callback` is registered as redirect URI, and its
 *   `/webhooks/workos` is told of every event unless events are off.
 */
export function startEmulator(
  config: { baseUrl: string; workos: Pick<WorkOSConfig, "events"> },
): RunningEmulator {
  let fetch = (_request: Request): Promise<Response> => Promise.reject(new Error("not ready"));
  // The server itself may be on the way to the usual port.
  const taken = new URL(config.baseUrl).port === String(PORT);
  const server = listen((request) => fetch(request), taken ? 0 : PORT);
  const apiUrl = `http://localhost:${server.addr.port}`;
  const emulator = createEmulator({
    origin: apiUrl,
    now: Date.now,
    redirectUris: [`${config.baseUrl}/auth/callback`],
    // Nobody would register them just to see what is in the log.
    auditLogSchemas: "any",
  });
  fetch = emulator.fetch;
  const { clientId, apiKey, webhookSecret } = emulatorCredentials;
  const webhooks = config.workos.events === "off" ? undefined : emulator.deliverWebhooks({
    url: `${config.baseUrl}/webhooks/workos`,
    fetch: globalThis.fetch,
    wait: delay,
  });
  return {
    workos: {
      credentials: { clientId, apiKeys: [apiKey] },
      apiUrl,
      ...webhooks && { events: "webhook", webhookSecret },
    },
    async stop() {
      await server.shutdown();
      await webhooks?.stop();
    },
  };
}

/** Any free port will do when another server's emulator has the usual one. */
function listen(
  handler: (request: Request) => Promise<Response>,
  wanted: number,
): Deno.HttpServer<Deno.NetAddr> {
  const serve = (port: number) =>
    Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, handler);
  try {
    return serve(wanted);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return serve(0);
  }
}
