/** Nonsense against every endpoint: no 5xx, no crash, no leak. The seed is fixed, so runs repeat. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { testNeeding } from "./support/needs.ts";
import { encode, mutations, PATHS, value } from "./support/nonsense.ts";
import { authorizationUrl, createPkce, register, signIn } from "./support/oauth_client.ts";
import { PROCESS_NEEDS, startServerProcess } from "./support/server_process.ts";
import { createWorld, SERVER, type World } from "./support/world.ts";

const SEED = 20_260_728;

async function prepare() {
  const world = await createWorld();
  const { tokens, clientId, code, verifier } = await signIn(world);
  const { challenge } = createPkce();
  const authorization = Object.fromEntries(
    new URL(authorizationUrl({ client_id: clientId, code_challenge: challenge })).searchParams,
  );
  const good = {
    ...authorization,
    grant_type: "authorization_code",
    code,
    code_verifier: verifier,
    refresh_token: tokens.refresh_token,
    token: tokens.access_token,
    decision: "approve",
  };
  return { world, good, tokens };
}

let peers = 0;

/** Each request from an address of its own, so that the brakes do not hide what is behind them. */
async function send(world: World, path: string, init: RequestInit): Promise<Response> {
  return await world.app.fetch(new Request(SERVER + path, init), `10.0.0.${peers++}`);
}

async function assertCalm(response: Response): Promise<void> {
  assert.ok(response.status < 500, `${response.status} ${await response.clone().text()}`);
  const body = await response.text();
  assert.doesNotMatch(body, /\.ts:\d+|node_modules|SQLITE|at async/);
}

Deno.test("queries of nonsense never fail a GET endpoint", async () => {
  const { world, good } = await prepare();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PATHS),
      mutations(good),
      fc.constantFrom("text/html", "*/*", "application/json"),
      async (path, pairs, accept) => {
        await assertCalm(await send(world, `${path}?${encode(pairs)}`, { headers: { accept } }));
      },
    ),
    { seed: SEED, numRuns: 6000 },
  );
});

Deno.test("forms of nonsense never fail a POST endpoint", async () => {
  const { world, good } = await prepare();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PATHS),
      mutations(good),
      fc.constantFrom("application/x-www-form-urlencoded", "text/plain", "application/json", ";"),
      async (path, pairs, type) => {
        const init = { method: "POST", headers: { "content-type": type }, body: encode(pairs) };
        await assertCalm(await send(world, path, init));
      },
    ),
    { seed: SEED, numRuns: 6000 },
  );
});

Deno.test("registrations of nonsense are refused or stored, never an error of ours", async () => {
  const { world } = await prepare();
  const metadata = fc.record({
    client_name: fc.oneof(value, fc.jsonValue()),
    redirect_uris: fc.oneof(fc.array(value, { maxLength: 4 }), fc.jsonValue()),
    grant_types: fc.jsonValue(),
    token_endpoint_auth_method: fc.oneof(fc.constant("none"), fc.jsonValue()),
    application_type: fc.oneof(fc.constantFrom("web", "native"), fc.jsonValue()),
  }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(fc.oneof(metadata, fc.jsonValue()), async (body) => {
      const init = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      await assertCalm(await send(world, "/register", init));
    }),
    { seed: SEED, numRuns: 4000 },
  );
});

Deno.test("MCP messages of nonsense never fail the endpoint", async () => {
  const { world, tokens } = await prepare();
  const message = fc.record({
    jsonrpc: fc.oneof(fc.constant("2.0"), fc.jsonValue()),
    id: fc.oneof(fc.integer(), fc.jsonValue()),
    method: fc.oneof(
      fc.constantFrom("initialize", "tools/call", "tools/list", "server/discover", "ping"),
      value,
    ),
    params: fc.oneof(
      fc.record({ name: fc.oneof(fc.constant("echo"), value), arguments: fc.jsonValue() }),
      fc.jsonValue(),
    ),
  }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(message, fc.array(message, { maxLength: 3 }), fc.jsonValue()),
      fc.constantFrom("2026-07-28", "2025-11-25", "2025-03-26", "1999-01-01"),
      async (body, version) => {
        const response = await send(world, "/mcp", {
          method: "POST",
          headers: {
            authorization: `Bearer ${tokens.access_token}`,
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
            "mcp-protocol-version": version,
          },
          body: JSON.stringify(body),
        });
        await assertCalm(response);
      },
    ),
    { seed: SEED, numRuns: 3000 },
  );
});

Deno.test("headers of nonsense never fail anything, and open nothing", async () => {
  const { world } = await prepare();
  const text = fc.string({ unit: "grapheme-ascii", maxLength: 80 }).map((s) => s.trim());
  const header = fc.constantFrom(
    "authorization",
    "cookie",
    "origin",
    "host",
    "accept",
    "content-type",
    "x-forwarded-for",
    "sec-fetch-site",
    "access-control-request-headers",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PATHS),
      fc.constantFrom("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"),
      fc.array(fc.tuple(header, text), { maxLength: 4 }),
      async (path, method, pairs) => {
        const headers = new Headers();
        for (const [name, content] of pairs) headers.append(name, content);
        const response = await send(world, path, { method, headers });
        await assertCalm(response);
        if (path === "/mcp") assert.notEqual(response.status, 200);
      },
    ),
    { seed: SEED, numRuns: 6000 },
  );
});

Deno.test("cookies that were tampered with decide nothing", async () => {
  const { world } = await prepare();
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  const page = await send(world, new URL(url).pathname + new URL(url).search, {});
  const [line = ""] = page.headers.getSetCookie();
  const cookie = line.split(";")[0] ?? "";
  const sealed = /name="request" value="([^"]+)"/.exec(await page.text())?.[1] ?? "";
  const flip = (text: string, at: number, bit: number) => {
    const index = at % text.length;
    const code = text.charCodeAt(index) ^ (1 << bit);
    return text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1);
  };
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(5), fc.boolean(), async (at, bit, inCookie) => {
      const tampered = inCookie ? flip(cookie, at % (cookie.length - 45), bit) : cookie;
      const request = inCookie ? sealed : flip(sealed, at % (sealed.length - 1), bit);
      if (/[^\x21-\x7e]|;/.test(tampered)) return;
      const response = await send(world, "/consent", {
        method: "POST",
        headers: { cookie: tampered, "content-type": "application/x-www-form-urlencoded" },
        body: encode([["request", request], ["decision", "approve"]]),
      });
      assert.ok([400, 403].includes(response.status), `${response.status}`);
      await response.body?.cancel();
    }),
    { seed: SEED, numRuns: 3000 },
  );
});

testNeeding(PROCESS_NEEDS, "bytes of nonsense leave the server standing", async () => {
  await using server = await startServerProcess({ LOG_LEVEL: "error" });
  const { port, host } = new URL(server.url);
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc.tuple(fc.constantFrom("GET", "POST", "\u0000", "PRI * HTTP/2.0"), value, value).map((
      [method, path, header],
    ) =>
      new TextEncoder().encode(
        `${method} /${path} HTTP/1.1\r\nHost: ${host}\r\nX: ${header}\r\nContent-Length: 5\r\n\r\nab`,
      )
    ),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (data) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
      try {
        await connection.write(data);
        await connection.closeWrite();
        const buffer = new Uint8Array(64);
        const read = await connection.read(buffer);
        const start = new TextDecoder().decode(buffer.subarray(0, read ?? 0));
        assert.doesNotMatch(start, /^HTTP\/1\.1 5/);
      } catch (error) {
        // Hanging up on nonsense is an answer too.
        if (
          !(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe)
        ) {
          throw error;
        }
      } finally {
        connection.close();
      }
    }),
    { seed: SEED, numRuns: 2000 },
  );
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  assert.equal(await server.stop(), 0);
});
