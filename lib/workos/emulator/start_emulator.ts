/** The emulator beside a server that has no WorkOS account. */

import type { Config } from "../../config.ts";
import type { WorkOSCredentials } from "../config.ts";
import { delay } from "./delay.ts";
import { createEmulator, emulatorCredentials } from "./emulator.ts";

/** Where `deno task emulator` listens; beside a server, the first choice. */
const PORT = 4100;

/** A running emulator, as settings for the server. */
export interface RunningEmulator {
  workos: { credentials: WorkOSCredentials; apiUrl: string; webhookSecret?: string };
  stop(): Promise<void>;
}

/**
 * Starts an emulator in this process, on a port of its own.
 *
 * @param config its `/auth/callback` is registered as redirect URI.
 * @param webhookUrl where events are posted; without it, nowhere.
 */
export function startEmulator(
  config: Pick<Config, "baseUrl">,
  webhookUrl?: string,
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
  });
  fetch = emulator.fetch;
  const { clientId, apiKey, webhookSecret } = emulatorCredentials;
  const webhooks = webhookUrl === undefined
    ? undefined
    : emulator.deliverWebhooks({ url: webhookUrl, fetch: globalThis.fetch, wait: delay });
  return {
    workos: {
      credentials: { clientId, apiKeys: [apiKey] },
      apiUrl,
      ...webhooks && { webhookSecret },
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
