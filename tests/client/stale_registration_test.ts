/** A registration that the authorization server has lost, while this client still has it. */

import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import { CommandError } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, request, send, tokensOf } from "./support.ts";

/** The client ids a browser was sent with. */
function clientsOf({ authorizationRequests }: ReturnType<typeof createFakeServer>): Set<unknown> {
  return new Set(authorizationRequests.map((asked) => asked.get("client_id")));
}

// fastmcp#1762, claude-code#4760: the browser said "unknown client", and the terminal waited.
Deno.test("a registration that the server has lost is replaced before the browser opens", async () => {
  const server = createFakeServer();
  const openBrowser = () => Promise.reject(new Error("no browser"));
  const unattended = createTestClient(server, { openBrowser });
  await assert.rejects(send(unattended.context), { code: "no_browser" });
  server.forgetClients();
  const { context, pages } = createTestClient(server, { cache: unattended.context.cache });
  assert.equal(await send(context), 200);
  assert.equal(server.counts.registrations, 2);
  assert.deepEqual(pages.map(({ status }) => status), [200], "the browser saw no refusal");
});

Deno.test("so it is when tokens still depend on the registration", async () => {
  const server = createFakeServer();
  const { context, pages } = createTestClient(server);
  await send(context);
  server.forgetClients();
  server.faults.toolScope = "members:read";
  assert.equal(await send(context, "tools/call"), 200);
  assert.equal(server.counts.registrations, 2);
  assert.deepEqual(pages.map(({ status }) => status), [200, 200]);
});

Deno.test("a client refused at the exchange of a code registers anew in the next run", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await send(context);
  server.faults.toolScope = "members:read";
  server.faults.tokenAnswers.push(() =>
    Response.json({ error: "invalid_client" }, { status: 401 })
  );
  await assert.rejects(send(context, "tools/call"), {
    code: "invalid_client",
    message: /does not know this client.* Run this again: it will register anew\./,
  });
  assert.equal(server.counts.authorizations, 2, "one browser tab a run");
  assert(await tokensOf(context), "what still works is kept");
  assert.equal(await send(context, "tools/call"), 200);
  assert.equal(server.counts.registrations, 2);
  assert.equal(clientsOf(server).size, 2);
});

Deno.test("a client whose sign-in has just worked is not tried again before the next", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  await (await authorizedFetch(context.serverUrl, request("ping"))).body?.cancel();
  server.faults.toolScope = "members:read";
  await (await authorizedFetch(context.serverUrl, request("tools/call"))).body?.cancel();
  assert.equal(server.counts.authorizations, 2);
  assert.equal(server.counts.probes, 0);
});

const ends: [string, (interrupt: AbortController) => void][] = [
  ["its time is up", () => {}],
  ["Ctrl-C", (interrupt) => interrupt.abort(new CommandError("interrupted", "Interrupted.", 130))],
];
// `ssh -L 41111:…` in another terminal holds for the next run only if that listens there too.
for (const [name, end] of ends) {
  Deno.test(`after ${name} the next run keeps the registration and its port`, async () => {
    const server = createFakeServer();
    const interrupt = new AbortController();
    const first = createTestClient(server, {
      signal: interrupt.signal,
      settings: { timeout: 1 },
      openBrowser: () => Promise.resolve(end(interrupt)),
    });
    await assert.rejects(send(first.context));
    const { context } = createTestClient(server, { cache: first.context.cache });
    assert.equal(await send(context), 200);
    assert.equal(server.counts.registrations, 1);
    const asked = server.authorizationRequests[0]?.get("redirect_uri");
    assert.equal(asked, "http://127.0.0.1:40000/callback");
    assert.equal(server.counts.probes, 1);
  });
}
