/** Two server processes on one PostgreSQL, as behind a load balancer. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import http from "node:http";
import { createScriptedBrowser, type Page } from "../../lib/demo/scripted_browser.ts";
import {
  createEmulator,
  type Emulator,
  emulatorCredentials,
} from "../../lib/workos/emulator/emulator.ts";
import {
  authorizationUrl,
  createPkce,
  REDIRECT_URI,
  type Tokens,
} from "../support/oauth_client.ts";
import { type PostgresServer, usePostgres } from "../support/postgres.ts";
import { findFreePort, startServerProcess } from "../support/server_process.ts";
import { SERVER } from "../support/world.ts";

const { testPostgres } = usePostgres();

/** The replicas, and what a load balancer does in front of them. */
interface Balancer {
  /** Sends each request to the next replica that takes it. */
  fetch: (request: Request) => Promise<Response>;
  /** Kills the replica that answered last, without a word to it. */
  killLast: () => Promise<void>;
  /** Starts what was killed. */
  revive: () => Promise<void>;
}

async function withReplicas(
  postgres: PostgresServer,
  work: (balancer: Balancer, emulator: { onAuthenticate?: () => Promise<void> }) => Promise<void>,
): Promise<void> {
  const hooks: { onAuthenticate?: () => Promise<void> } = {};
  const made = Promise.withResolvers<Emulator>();
  const workos = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    if (request.url.endsWith("/authenticate")) await hooks.onAuthenticate?.();
    return await (await made.promise).fetch(request);
  });
  const origin = `http://127.0.0.1:${workos.addr.port}`;
  const redirectUris = [`${SERVER}/auth/callback`];
  made.resolve(createEmulator({ origin, now: Date.now, redirectUris }));

  const database = await postgres.createDatabase();
  const startReplica = async (port: number) => {
    const process = await startServerProcess({
      WORKOS_BASE_URL: SERVER,
      HOST: "127.0.0.1",
      PORT: String(port),
      STORE_URL: database,
      WORKOS_API_URL: origin,
      WORKOS_CLIENT_ID: emulatorCredentials.clientId,
      WORKOS_API_KEY: emulatorCredentials.apiKey,
    });
    return { port, process };
  };
  const replicas = await Promise.all([findFreePort(), findFreePort()].map(startReplica));
  let next = 0;
  const ask = async (request: Request): Promise<Response> => {
    const replica = replicas[next++ % replicas.length];
    assert.ok(replica);
    return await forward(request, replica.port);
  };
  const killed = new Set<number>();
  try {
    await work({
      async fetch(request) {
        if (new URL(request.url).origin !== SERVER) {
          return await fetch(request, { redirect: "manual" });
        }
        try {
          return await ask(request);
        } catch (error) {
          // Nobody listens there any more, or not until the answer.
          const code = error instanceof Error && "code" in error ? String(error.code) : "";
          if (!code.startsWith("ECONN")) throw error;
          return await ask(request);
        }
      },
      async killLast() {
        const last = (next - 1) % replicas.length;
        killed.add(last);
        await replicas[last]?.process.stop("SIGKILL");
      },
      async revive() {
        for (const index of killed) {
          const { port } = replicas[index] ?? {};
          assert.ok(port);
          replicas[index] = await startReplica(port);
        }
        killed.clear();
      },
    }, hooks);
  } finally {
    await Promise.all(replicas.map(({ process }) => process.stop("SIGKILL")));
    await workos.shutdown();
  }
}

/** Passes a request on under its own host name, which `fetch` would not. */
async function forward(request: Request, port: number): Promise<Response> {
  const { pathname, search, host } = new URL(request.url);
  const { method } = request;
  const body = new Uint8Array(await request.clone().arrayBuffer());
  const headers = { ...Object.fromEntries(request.headers), host, connection: "close" };
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const outgoing = http.request({ port, path: pathname + search, method, headers }, (incoming) => {
    const answer = new Headers();
    for (const [name, values] of Object.entries(incoming.headersDistinct)) {
      for (const value of values ?? []) answer.append(name, value);
    }
    const { statusCode: status = 502 } = incoming;
    Array.fromAsync(incoming).then(
      (chunks) => resolve(new Response(Buffer.concat(chunks), { status, headers: answer })),
      reject,
    );
  });
  outgoing.on("error", reject).end(body);
  return await promise;
}

/** A sign-in and the use of its tokens, with a moment between any two steps. */
async function signIn(
  { fetch }: Balancer,
  between: (step: number) => Promise<void>,
): Promise<void> {
  const send = async (path: string, body: string, headers: Record<string, string>) => {
    const response = await fetch(
      new Request(`${SERVER}${path}`, { method: "POST", body, headers }),
    );
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return text;
  };
  const getTokens = async (form: Record<string, string>): Promise<Tokens> => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return JSON.parse(await send("/token", new URLSearchParams(form).toString(), headers));
  };
  const json = { "content-type": "application/json" };
  const registration = JSON.stringify({ redirect_uris: [REDIRECT_URI] });
  const { client_id } = JSON.parse(await send("/register", registration, json));
  await between(0);
  const { verifier, challenge } = createPkce();
  const browser = createScriptedBrowser({ fetch, stopAt: (url) => url.startsWith(REDIRECT_URI) });
  const consent = await browser.visit(authorizationUrl({ client_id, code_challenge: challenge }));
  await between(1);
  const login = await browser.submit(consent, { decision: "approve" });
  await between(2);
  const code = readCode(await browser.submit(login, { email: "alice@acme.test" }));
  await between(3);
  const tokens = await getTokens({
    grant_type: "authorization_code",
    client_id,
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  });
  await between(4);
  const { access_token } = await getTokens({
    grant_type: "refresh_token",
    client_id,
    refresh_token: tokens.refresh_token,
  });
  await between(5);
  const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  await send("/mcp", ping, {
    ...json,
    accept: "application/json, text/event-stream",
    authorization: `Bearer ${access_token}`,
  });
}

function readCode({ url, text }: Page): string {
  const code = new URL(url).searchParams.get("code");
  const heading = /<h1>([^<]*)/.exec(text)?.[1];
  assert.ok(code && url.startsWith(REDIRECT_URI), `${new URL(url).pathname} says: ${heading}`);
  return code;
}

testPostgres(
  "a sign-in survives that a replica is killed after any of its steps",
  (postgres) =>
    withReplicas(postgres, async (balancer) => {
      for (let killed = 0; killed < 6; killed++) {
        await signIn(balancer, async (step) => {
          if (step === killed) await balancer.killLast();
        });
        await balancer.revive();
      }
    }),
);

testPostgres(
  "a sign-in whose replica is killed while it asks WorkOS can be begun again",
  (postgres) =>
    withReplicas(postgres, async (balancer, emulator) => {
      emulator.onAuthenticate = async () => {
        delete emulator.onAuthenticate;
        await balancer.killLast();
      };
      // The other replica knows that this sign-in is over, and says what to do.
      await assert.rejects(signIn(balancer, async () => {}), /\/auth\/callback says/);
      await signIn(balancer, async () => {});
    }),
);
