/** How long is waited for whom, and what is not cut off meanwhile. */

import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import { connect } from "../../lib/client/connect.ts";
import type { ClientContext } from "../../lib/client/context.ts";
import { callTool } from "../../lib/client/tools.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { createDeadlines, createTestClient, request, send, tokensOf } from "./support.ts";

/** A signed-in client whose token is about to end. */
async function createEndingClient(): Promise<
  { server: FakeServer; context: ClientContext; expire: (atMost: number) => void }
> {
  let time = 1_000_000_000_000;
  const now = () => time;
  const server = createFakeServer(undefined, now);
  const { setDeadline, expire } = createDeadlines();
  const { context } = createTestClient(server, { now, setDeadline });
  await send(context);
  time += 880_000;
  return { server, context, expire };
}

/** An answer of the token endpoint that the test gives in its own time. */
function holdTokenAnswer(server: FakeServer): {
  arrived: Promise<void>;
  answer: (response: Response) => void;
} {
  const arrived = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  server.faults.tokenAnswers.push(() => {
    arrived.resolve();
    return answer.promise;
  });
  return { arrived: arrived.promise, answer: answer.resolve };
}

/** A fake server's `fetch` that ends with its signal, as that of the network does. */
function createAbortableFetch(server: FakeServer): FakeServer["fetch"] {
  return async (input, init) => {
    const aborted = Promise.withResolvers<never>();
    init?.signal?.addEventListener("abort", () => aborted.reject(init.signal?.reason));
    return await Promise.race([server.fetch(input, init), aborted.promise]);
  };
}

const NEW_TOKENS = { access_token: "new", token_type: "Bearer", refresh_token: "next" };

Deno.test("an early refresh that fails is tried once for a token, not once a request", async () => {
  const { server, context } = await createEndingClient();
  let asked = 0;
  for (let answer = 0; answer < 5; answer++) {
    server.faults.tokenAnswers.push(() => {
      asked++;
      return new Response("down", { status: 503 });
    });
  }
  const authorizedFetch = createAuthorizedFetch(context);
  for (let call = 0; call < 5; call++) {
    const response = await authorizedFetch(context.serverUrl, request("ping"));
    await response.body?.cancel();
    assert.equal(response.status, 200);
  }
  assert.equal(asked, 1);
});

Deno.test("nobody waits long for an early refresh, and its tokens are kept all the same", async () => {
  const { server, context, expire } = await createEndingClient();
  const { arrived, answer } = holdTokenAnswer(server);
  const authorizedFetch = createAuthorizedFetch(context);
  const sending = authorizedFetch(context.serverUrl, request("ping"));
  await arrived;
  expire(5_000);
  const response = await sending;
  await response.body?.cancel();
  assert.equal(response.status, 200);
  answer(Response.json(NEW_TOKENS));
  await authorizedFetch.settled();
  assert.equal((await tokensOf(context))?.refresh_token, "next");
});

/** A signed-in client that Ctrl-C meets in the middle of a refresh. */
async function interruptRefresh(): Promise<{
  context: ClientContext;
  ended: Promise<void>;
  expire: (atMost: number) => void;
  answer: (response: Response) => void;
}> {
  const interrupt = new AbortController();
  const server = createFakeServer();
  const { setDeadline, expire } = createDeadlines();
  const { context } = createTestClient(server, {
    setDeadline,
    signal: interrupt.signal,
    fetch: createAbortableFetch(server),
  });
  await send(context);
  server.expireAccessTokens();
  const { arrived, answer } = holdTokenAnswer(server);
  const ended = assert.rejects(send(context), { code: "interrupted" });
  await arrived;
  interrupt.abort(new CommandError("interrupted", "Interrupted.", 130));
  return { context, ended, expire, answer };
}

Deno.test("Ctrl-C during a refresh ends the program once its new tokens are kept", async () => {
  const { context, ended, answer } = await interruptRefresh();
  answer(Response.json(NEW_TOKENS));
  await ended;
  assert.equal((await tokensOf(context))?.refresh_token, "next");
});

Deno.test("a refresh without an answer holds up Ctrl-C for five seconds only", async () => {
  const { context, ended, expire } = await interruptRefresh();
  const before = await tokensOf(context);
  expire(5_000);
  await ended;
  assert.deepEqual(await tokensOf(context), before);
});

Deno.test("a sign-in whose code is being exchanged is kept in spite of Ctrl-C", async () => {
  const interrupt = new AbortController();
  const server = createFakeServer();
  const { context } = createTestClient(server, {
    signal: interrupt.signal,
    fetch: createAbortableFetch(server),
  });
  server.faults.tokenAnswers.push(() => {
    interrupt.abort(new CommandError("interrupted", "Interrupted.", 130));
    return Response.json(NEW_TOKENS);
  });
  await assert.rejects(send(context), { code: "interrupted" });
  assert.equal((await tokensOf(context))?.refresh_token, "next");
});

Deno.test("a tool may take longer to answer than any other request", async () => {
  const server = createFakeServer();
  server.faults.open = true;
  const { setDeadline, expire } = createDeadlines();
  let slowMethod = "tools/call";
  const { context } = createTestClient(server, {
    setDeadline,
    async fetch(input, init) {
      const { method } = JSON.parse(String(init?.body ?? "{}"));
      if (method === slowMethod) expire(60_000);
      init?.signal?.throwIfAborted();
      return await server.fetch(input, init);
    },
  });
  const connection = await connect(server.url, context);
  await callTool(connection, "whoami", {});
  await connection.close();
  slowMethod = "server/discover";
  await assert.rejects(connect(server.url, context), {
    code: "unreachable",
    exitCode: ExitCode.unreachable,
    message: /did not answer within 60 seconds/,
  });
});
