import assert from "node:assert/strict";
import type { ClientContext } from "../../lib/client/context.ts";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, send } from "./support.ts";

/** Signs in, loses everything but the registration, and finds its port taken. */
async function comeBackToTakenPort(
  server: FakeServer,
): Promise<{ context: ClientContext; pages: Response[] }> {
  const { context: first } = createTestClient(server);
  await send(first);
  server.revokeEverything();
  return createTestClient(server, { cache: first.cache, takenPorts: [40_000] });
}

/** The port a browser was asked to come back to, for each authorization request. */
function portsAskedFor(server: FakeServer): string[] {
  return server.authorizationRequests.map((asked) => new URL(asked.get("redirect_uri") ?? "").port);
}

Deno.test("the port of the registration is used again", async () => {
  const server = createFakeServer();
  const { context: first } = createTestClient(server);
  await send(first);
  server.revokeEverything();
  const { context } = createTestClient(server, { cache: first.cache });
  assert.equal(await send(context), 200);
  assert.equal(server.counts.registrations, 1);
  assert.deepEqual(portsAskedFor(server), ["40000", "40000"]);
});

// RFC 8252 §7.3: an authorization server has to accept any port of a loopback address.
Deno.test("when the port is taken another one does, with the same registration", async () => {
  const server = createFakeServer();
  const { context } = await comeBackToTakenPort(server);
  assert.equal(await send(context), 200);
  assert.equal(server.counts.registrations, 1);
  assert.equal(portsAskedFor(server).at(-1), "40001");
});

Deno.test("a port of the registration that the system reserves is replaced like a taken one", async () => {
  const server = createFakeServer();
  const { context: first } = createTestClient(server);
  await send(first);
  server.revokeEverything();
  const { context } = createTestClient(server, { cache: first.cache });
  const { listen } = context;
  context.listen = (handle, address) => {
    if (address.port === 40_000) throw new Deno.errors.PermissionDenied("reserved");
    return listen(handle, address);
  };
  assert.equal(await send(context), 200);
});

const refusals: [string, () => Response][] = [
  ["an error", () => new Response("redirect_uri mismatch", { status: 400 })],
  [
    "a redirect to a page about an error",
    () => Response.redirect("http://localhost:8000/oops?error=redirect_uri_invalid"),
  ],
];
// mcp-remote#72, mcp2cli#54, hermes-agent#65718: "redirect_uri mismatch" for ever after.
for (const [name, refuse] of refusals) {
  Deno.test(`a server that answers another port with ${name} gets a new registration`, async () => {
    const server = createFakeServer();
    const { context, pages } = await comeBackToTakenPort(server);
    const registered = new Set(["40000"]);
    const { fetch } = context;
    context.fetch = async (input, init) => {
      const url = new URL(input);
      if (url.pathname === "/register") {
        const { redirect_uris: [uri] } = JSON.parse(String(init?.body));
        registered.add(new URL(uri).port);
      }
      const redirectUri = url.searchParams.get("redirect_uri");
      if (redirectUri && !registered.has(new URL(redirectUri).port)) return refuse();
      return await fetch(input, init);
    };
    assert.equal(await send(context), 200);
    assert.equal(server.counts.registrations, 2);
    assert.deepEqual(pages.map(({ status }) => status), [200]);
    assert.deepEqual(portsAskedFor(server), ["40000", "40001"], "the browser saw no refusal");
  });
}

Deno.test("a port the user chose is used or reported, never replaced", async () => {
  const server = createFakeServer();
  const settings = { callbackHost: "::1", callbackPort: 8765 };
  await send(createTestClient(server, { settings }).context);
  assert.deepEqual(server.registrations[0]?.redirect_uris, ["http://[::1]:8765/callback"]);
  const { context } = createTestClient(server, { settings, takenPorts: [8765] });
  await assert.rejects(send(context), { code: "callback_unavailable" });
});
