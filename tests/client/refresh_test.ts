import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import type { TokenCache } from "../../lib/client/token_cache.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { createLog } from "../../lib/log.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, request, send, tokensOf } from "./support.ts";

// fastmcp 650b103db: a lock that one request kept left all others waiting.
Deno.test("eight requests that meet a 401 at once cost one refresh", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  const burst = () =>
    Promise.all(Array.from({ length: 8 }, async () => {
      const response = await authorizedFetch(context.serverUrl, request("ping"));
      await response.body?.cancel();
      return response.status;
    }));
  assert.deepEqual(await burst(), Array(8).fill(200));
  server.expireAccessTokens();
  assert.deepEqual(await burst(), Array(8).fill(200));
  assert.equal(server.counts.authorizations, 1);
  assert.equal(server.counts.refreshes, 1);
});

Deno.test("a token is renewed shortly before it ends, by the clock and without a 401", async () => {
  let time = 1_000_000_000_000;
  const now = () => time;
  const server = createFakeServer(undefined, now);
  let refusals = 0;
  const { context } = createTestClient(server, {
    now,
    async fetch(input, init) {
      const response = await server.fetch(input, init);
      if (response.status === 401) refusals++;
      return response;
    },
  });
  await send(context);
  time += 860_000;
  await send(context);
  assert.equal(server.counts.refreshes, 0);
  time += 11_000;
  await send(context);
  assert.equal(server.counts.refreshes, 1);
  assert.equal(refusals, 1);
});

Deno.test("a token another process has renewed meanwhile is used", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  const other = { ...context };
  server.expireAccessTokens();
  const stale = await context.cache.read(server.url);
  let reads = 0;
  context.cache = {
    ...other.cache,
    read: (url) => reads++ === 0 ? Promise.resolve(stale) : other.cache.read(url),
  };
  await send(other);
  await send(context);
  assert.equal(server.counts.refreshes, 1);
});

const unavailable: [string, () => Response | Promise<Response>][] = [
  ["503", () => new Response("down", { status: 503 })],
  ["429", () => Response.json({ error: "rate_limited" }, { status: 429 })],
  [
    "temporarily_unavailable",
    () => Response.json({ error: "temporarily_unavailable" }, { status: 400 }),
  ],
  ["a page instead of JSON", () => new Response("<html>", { status: 404 })],
  ["no connection", () => Promise.reject(new TypeError("connection reset"))],
];
// fastmcp 650b103db: the request after a failed one is not held up by it.
// mcp-remote#318, internxt/cli#645: any failure of a refresh was taken for the end of the sign-in.
for (const [name, answer] of unavailable) {
  Deno.test(`a refresh that meets ${name} keeps the tokens and opens no browser`, async () => {
    const server = createFakeServer();
    const { context } = createTestClient(server);
    await send(context);
    const before = await tokensOf(context);
    server.expireAccessTokens();
    server.faults.tokenAnswers.push(answer);
    await assert.rejects(send(context), (error) => {
      assert(error instanceof CommandError);
      assert.equal(error.exitCode, ExitCode.unreachable);
      return true;
    });
    assert.deepEqual(await tokensOf(context), before);
    assert.equal(await send(context), 200);
    assert.equal(server.counts.authorizations, 1);
  });
}

const refusals: [string, number][] = [
  ["invalid_request", ExitCode.notAuthorized],
  ["invalid_scope", ExitCode.notAuthorized],
  ["unauthorized_client", ExitCode.notAuthorized],
  ["slow_down", ExitCode.unreachable],
];
for (const [code, exitCode] of refusals) {
  Deno.test(`a refresh refused with ${code} keeps the tokens, and says why`, async () => {
    const server = createFakeServer();
    const { context } = createTestClient(server);
    await send(context);
    const before = await tokensOf(context);
    server.expireAccessTokens();
    server.faults.tokenAnswers.push(() =>
      Response.json({ error: code, error_description: "Not like this." }, { status: 400 })
    );
    await assert.rejects(send(context), { code, exitCode, message: /Not like this/ });
    assert.deepEqual(await tokensOf(context), before);
    assert.equal(await send(context), 200);
    assert.equal(server.counts.authorizations, 1);
    assert.equal(server.counts.registrations, 1);
  });
}

// fastmcp e58f386ba, where only a log could have told.
for (const [when, later] of [["by a 401", 0], ["before it is used", 880_000]] as const) {
  Deno.test(`when a sign-in turns out ${when} to have ended, the reason is said`, async () => {
    let time = 1_000_000_000_000;
    const now = () => time;
    const server = createFakeServer(undefined, now);
    const { context, steps } = createTestClient(server, { now });
    await send(context);
    server.revokeEverything();
    time += later;
    server.faults.tokenAnswers.push(() =>
      Response.json({ error: "invalid_grant", error_description: "It was revoked." }, {
        status: 400,
      })
    );
    await send(context);
    const texts = steps.filter(({ name }) => name === "sign_in_needed").map(({ text }) => text);
    assert.deepEqual(texts, [
      "http://localhost:8000/mcp asks for a sign-in.",
      "The earlier sign-in to http://localhost:8000/mcp has ended: It was revoked.",
    ]);
  });
}

Deno.test("a refresh that names no scopes and no refresh token changes neither", async () => {
  const server = createFakeServer();
  server.faults.grantOnly = "openid";
  const { context } = createTestClient(server, { settings: { scope: "openid email" } });
  await send(context);
  const before = await tokensOf(context);
  server.expireAccessTokens();
  server.faults.tokenAnswers.push(() =>
    Response.json({ access_token: "new", token_type: "Bearer" })
  );
  await assert.rejects(send({ ...context, listen: () => assert.fail("a sign-in was begun") }));
  const after = await tokensOf(context);
  assert.equal(after?.access_token, "new");
  assert.equal(after?.scope, "openid");
  assert.equal(after?.refresh_token, before?.refresh_token);
});

// fastmcp 10fb217f7: RFC 6749 §5.2 has invalid_grant as 400, some servers answer 401.
for (const status of [400, 401]) {
  Deno.test(`invalid_grant as ${status} leads to one sign-in with the same client`, async () => {
    const server = createFakeServer();
    const { context } = createTestClient(server);
    await send(context);
    server.revokeEverything();
    server.faults.tokenAnswers.push(() => Response.json({ error: "invalid_grant" }, { status }));
    assert.equal(await send(context), 200);
    assert.equal(server.counts.authorizations, 2);
    assert.equal(server.counts.registrations, 1);
  });
}

// fastmcp#2027, fastmcp#1732, fastmcp#3398, supabase/mcp#355: after a restart of the server the
// client's id was unknown, and somebody had to delete a file.
Deno.test("invalid_client leads to one new registration", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.expireAccessTokens();
  server.forgetClients();
  assert.equal(await send(context), 200);
  assert.equal(server.counts.authorizations, 2);
  assert.equal(server.counts.registrations, 2);
});

// gemini-cli#29048, vercel/ai#20674: the loser deleted what the winner had just got.
Deno.test("the loser of a refresh race uses the winner's tokens and does not delete them", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.expireAccessTokens();
  // A file system without locks; elsewhere there is no race.
  const cache: TokenCache = { ...context.cache, exclusive: (_server, work) => work() };
  server.faults.tokenAnswers.push(async () => {
    await send({ ...context, cache });
    return Response.json({ error: "invalid_grant" }, { status: 400 });
  });
  assert.equal(await send(context), 200);
  assert.equal(server.counts.refreshes, 1);
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("a registration that somebody else has replaced meanwhile is not deleted", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.expireAccessTokens();
  server.forgetClients();
  const cache: TokenCache = { ...context.cache, exclusive: (_server, work) => work() };
  server.faults.tokenAnswers.push(async () => {
    await send({ ...context, cache });
    return Response.json({ error: "invalid_client" }, { status: 401 });
  });
  assert.equal(await send(context), 200);
  assert.equal(server.counts.registrations, 2);
  assert.equal(server.counts.authorizations, 2);
  server.expireAccessTokens();
  assert.equal(await send(context), 200);
  assert.equal(server.counts.refreshes, 2, "the new client can renew its tokens");
});

// fastmcp faef74b37: `expires_in` was read again after a restart as if the token were new.
Deno.test("a program that starts later knows that its token has run out", async () => {
  let time = 1_000_000_000_000;
  const now = () => time;
  const server = createFakeServer(undefined, now);
  const { context: first } = createTestClient(server, { now });
  await send(first);
  time += 880_000;
  let refusals = 0;
  const { context: later } = createTestClient(server, {
    now,
    cache: first.cache,
    async fetch(input, init) {
      const response = await server.fetch(input, init);
      if (response.status === 401) refusals++;
      return response;
    },
  });
  assert.equal(await send(later), 200);
  assert.equal(server.counts.refreshes, 1);
  assert.equal(refusals, 0, "it did not have to be told");
});

// fastmcp e58f386ba: nobody could see why a silent refresh ended in a sign-in.
// CL-12: a refresh token is in no log.
Deno.test("a refused refresh is in the log with its reason, and without a token", async () => {
  const server = createFakeServer();
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    now: () => 0,
    write: (line) => void lines.push(line),
  });
  const { context } = createTestClient(server, { log });
  await send(context);
  const tokens = await tokensOf(context);
  server.revokeEverything();
  await send(context);
  const refused = lines.find((line) => line.includes("refresh_refused"));
  assert.equal(JSON.parse(refused ?? "{}").properties.error, "invalid_grant");
  for (const token of [tokens?.access_token, tokens?.refresh_token]) {
    assert(token && !lines.some((line) => line.includes(token)));
  }
});
