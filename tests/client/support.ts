/** A client without ports, browser or clock: everything it reaches for is a function of the test. */

import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import type { Listen } from "../../lib/client/callback_server.ts";
import type { ClientContext, ConnectOptions, Step } from "../../lib/client/context.ts";
import { currentTokens, type TokenSet } from "../../lib/client/server_record.ts";
import { type SetDeadline, setDeadline } from "../../lib/client/deadline.ts";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import { CommandError } from "../../lib/errors.ts";
import { createLog } from "../../lib/log.ts";
import type { FakeServer } from "../support/fake_authorization_server.ts";
import { getSecretWatch } from "../support/secret_watch.ts";

/** A test's client. */
export interface TestClient {
  context: ClientContext;
  steps: Step[];
  /** Pages the browser ended up on. */
  pages: Response[];
  /** Ports that are listened on now. */
  ports: Set<number>;
}

/** What a test may want otherwise. */
export type TestClientOptions = Partial<Omit<ConnectOptions, "settings">> & {
  settings?: Partial<ConnectOptions["settings"]>;
  /** Ports somebody else listens on. */
  takenPorts?: number[];
};

/**
 * A client whose browser visits the authorization URL and follows it back at once.
 *
 * @param server what it talks to.
 * @param options what is to be otherwise.
 */
export function createTestClient(server: FakeServer, options: TestClientOptions = {}): TestClient {
  const steps: Step[] = [];
  const pages: Response[] = [];
  const ports = new Set<number>();
  const handlers = new Map<number, (request: Request) => Promise<Response>>();
  const lines: string[] = [];
  const secrets = getSecretWatch();
  secrets.watchLog(() => lines);
  const answer = secrets.watch((request) => server.fetch(request.url, request));
  const { settings, takenPorts = [], ...rest } = options;
  let nextPort = 40_000;

  const listen: Listen = (handle, { port: wanted }) => {
    if (takenPorts.includes(wanted)) throw new Deno.errors.AddrInUse("taken");
    while (takenPorts.includes(nextPort)) nextPort++;
    const port = wanted || nextPort++;
    ports.add(port);
    handlers.set(port, handle);
    return {
      port,
      close: () => {
        ports.delete(port);
        return Promise.resolve();
      },
    };
  };

  /** Goes where a browser would: to this client's listener, or to the server. */
  const visit = (url: URL): Promise<Response> => {
    const handle = handlers.get(Number(url.port));
    return handle ? handle(new Request(url)) : server.fetch(url);
  };
  const openBrowser = async (url: URL) => {
    let address = url;
    for (let hops = 0; hops < 5; hops++) {
      const response = await visit(address);
      const location = response.headers.get("location");
      if (location === null) return void pages.push(response);
      address = new URL(location, address);
    }
  };

  return {
    steps,
    pages,
    ports,
    context: {
      serverUrl: new URL(server.url),
      settings: { callbackHost: "127.0.0.1", timeout: 60_000, ...settings },
      cache: createMemoryTokenCache(),
      fetch: (input, init) => answer(new Request(input, init)),
      now: Date.now,
      setDeadline,
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      log: createLog({
        level: "debug",
        format: "text",
        now: Date.now,
        write: (line) => void lines.push(line),
      }),
      onStep: (step) => steps.push(step),
      signal: new AbortController().signal,
      listen,
      openBrowser,
      ...rest,
    },
  };
}

/** Sends one request, as the SDK's transport would, and returns the status. */
export async function send(context: ClientContext, method = "ping"): Promise<number> {
  const response = await createAuthorizedFetch(context)(context.serverUrl, request(method));
  await response.body?.cancel();
  return response.status;
}

/** One request of the SDK's transport. */
export function request(method: string): RequestInit {
  return {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { name: "whoami" } }),
  };
}

/** The tokens in the cache. */
export async function tokensOf(
  { cache, serverUrl }: ClientContext,
): Promise<TokenSet["tokens"] | undefined> {
  return currentTokens(await cache.read(serverUrl.href))?.tokens;
}

/** Limits of time that run out when a test says so. */
export function createDeadlines(): { setDeadline: SetDeadline; expire(atMost: number): void } {
  const running = new Map<AbortController, number>();
  return {
    setDeadline(duration) {
      const controller = new AbortController();
      running.set(controller, duration);
      return {
        signal: controller.signal,
        [Symbol.dispose]: () => void running.delete(controller),
      };
    },
    expire(atMost) {
      for (const [controller, duration] of running) if (duration <= atMost) controller.abort();
    },
  };
}

/** Makes one request, and signs in for it. */
export async function signIn(context: ClientContext): Promise<void> {
  const response = await createAuthorizedFetch(context)(context.serverUrl, { method: "POST" });
  await response.body?.cancel();
}

/** How such a request fails. */
export async function failureOf(context: ClientContext): Promise<CommandError> {
  try {
    await signIn(context);
  } catch (error) {
    assert(error instanceof CommandError);
    return error;
  }
  assert.fail("the sign-in succeeded");
}
