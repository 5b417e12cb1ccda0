import assert from "node:assert/strict";
import { REDIRECT_URI, register } from "../support/oauth_client.ts";
import { createWorld, SERVER } from "../support/world.ts";

Deno.test("a registration is answered with what is stored and enforced (AS-26, RFC 7591 §3.2.1)", async () => {
  const world = await createWorld();
  const { client_id, client_id_issued_at, ...rest } = await register(world, {
    scope: "anything",
    logo_uri: "https://evil.example/logo.png",
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:x"],
  });
  assert.match(client_id, /^wmcp_client_/);
  assert.equal(client_id_issued_at, Math.floor(world.now() / 1000));
  assert.deepEqual(rest, {
    client_name: "Test App",
    redirect_uris: [REDIRECT_URI],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    application_type: "native",
  });
});

Deno.test("an app without application_type is told by its redirect URIs", async () => {
  const world = await createWorld();
  const web = await register(world, { redirect_uris: ["https://app.example/cb"] });
  assert.equal(web.application_type, "web");
  const mixed = await register(world, {
    redirect_uris: ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
  });
  assert.equal(mixed.application_type, "native");
});

Deno.test("a confidential client gets a secret, a public one does not", async () => {
  const world = await createWorld();
  assert.equal((await register(world)).client_secret, undefined);
  for (const method of ["client_secret_post", "client_secret_basic"]) {
    const client = await register(world, { token_endpoint_auth_method: method });
    assert.match(String(client.client_secret), /^wmcp_cs_[\w-]{43}$/);
    assert.equal(client.client_secret_expires_at, 0);
  }
});

const REFUSALS: [string, unknown, string][] = [
  ["no redirect URI", { redirect_uris: [] }, "invalid_redirect_uri"],
  ["a redirect URI that is none", { redirect_uris: [1] }, "invalid_redirect_uri"],
  ["a script as redirect URI", { redirect_uris: ["javascript:1"] }, "invalid_redirect_uri"],
  [
    "21 redirect URIs",
    { redirect_uris: Array(21).fill(REDIRECT_URI) },
    "invalid_redirect_uri",
  ],
  [
    "loopback for a web app",
    { application_type: "web", redirect_uris: [REDIRECT_URI] },
    "invalid_redirect_uri",
  ],
  ["another kind of app", { application_type: "tv" }, "invalid_client_metadata"],
  ["an endless name", { client_name: "x".repeat(201) }, "invalid_client_metadata"],
  ["no code grant", { grant_types: ["refresh_token"] }, "invalid_client_metadata"],
  ["no code response", { response_types: ["token"] }, "invalid_client_metadata"],
  [
    "an authentication nobody checks",
    { token_endpoint_auth_method: "client_secret_jwt" },
    "invalid_client_metadata",
  ],
];

for (const [what, metadata, code] of REFUSALS) {
  Deno.test(`${what} is refused as ${code}`, async () => {
    const world = await createWorld();
    const answer = await register(world, metadata as Record<string, unknown>);
    assert.equal(answer.error, code);
  });
}

Deno.test("a body that is no JSON object is refused", async () => {
  const world = await createWorld();
  const send = (body: string, type: string) =>
    world.fetch(`${SERVER}/register`, { method: "POST", headers: { "content-type": type }, body });
  assert.equal((await send("{", "application/json")).status, 400);
  assert.equal((await send("[]", "application/json")).status, 400);
  assert.equal((await send("{}", "text/plain")).status, 400);
});

// mcphub#1174, lion-reader#975, vault-cortex#483, activepieces#15016: registrations piled up, or a
// cap on their number locked everybody out.
Deno.test("a registration nobody approved is forgotten after a day", async () => {
  const world = await createWorld();
  const { client_id } = await register(world);
  world.advance(23 * 3_600_000);
  assert.ok(await world.store.findClient(client_id, world.now()));
  world.advance(3_600_000);
  assert.equal(await world.store.findClient(client_id, world.now()), undefined);
});
