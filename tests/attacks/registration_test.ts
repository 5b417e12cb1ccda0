/** What strangers may register, and what they get for it. */

import assert from "node:assert/strict";
import { readForm } from "../../lib/demo/scripted_browser.ts";
import {
  authorizationUrl,
  createPkce,
  post,
  REDIRECT_URI,
  register,
} from "../support/oauth_client.ts";
import { CLIENT_ID, prepare, present, sign } from "../support/signing_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";

async function consentPageOf(world: World, clientId: string) {
  const url = authorizationUrl({ client_id: clientId, code_challenge: createPkce().challenge });
  return await world.browser().visit(url);
}

// punkpeye/fastmcp#262: every registration was answered with the upstream client's own secret.
Deno.test("each client gets a secret of its own, and none of WorkOS's", async () => {
  const world = await createWorld();
  const metadata = { token_endpoint_auth_method: "client_secret_post" };
  const clients = [await register(world, metadata), await register(world, metadata)];
  assert.equal(new Set(clients.map(({ client_secret }) => client_secret)).size, 2);
  assert.equal(new Set(clients.map(({ client_id }) => client_id)).size, 2);
  assert.doesNotMatch(JSON.stringify(clients), /sk_test|client_emulator/);
});

// better-auth#10646: the answer was the row as it is stored.
Deno.test("a registration is answered member by member, not with what was sent or stored", async () => {
  const world = await createWorld();
  const answer = await register(world, {
    token_endpoint_auth_method: "client_secret_post",
    client_secret: "mine",
    client_id: "mine",
    secretHash: "x",
    admin: true,
  });
  assert.deepEqual(Object.keys(answer).toSorted(), [
    "application_type",
    "client_id",
    "client_id_issued_at",
    "client_name",
    "client_secret",
    "client_secret_expires_at",
    "grant_types",
    "redirect_uris",
    "response_types",
    "token_endpoint_auth_method",
  ]);
  assert.doesNotMatch(JSON.stringify(answer), /"mine"/);
});

// fastmcp 799c4f167: the client's id stood on the consent page as it came.
Deno.test("an id with markup in it is text on the consent page", async () => {
  const world = await createWorld();
  const id = "https://app.example/&lt;b&gt;'onload=x'&amp;";
  world.documents.set(
    id,
    () => Response.json({ client_id: id, client_name: "App", redirect_uris: [REDIRECT_URI] }),
  );
  const { status, text } = await consentPageOf(world, id);
  assert.equal(status, 200);
  assert.ok(
    text.includes("https://app.example/&amp;lt;b&amp;gt;&#39;onload=x&#39;&amp;amp;"),
    text.slice(text.indexOf("<dl>")),
  );
});

// GHSA-gh95-xx4q-qch8, GHSA-pf93-j98v-25pv, hermes-agent#92612: a name of the attacker's choice
// became part of the page.
Deno.test("whatever a client calls itself, it is text on the consent page", async () => {
  const world = await createWorld();
  const names = [
    "</dd><script>alert(1)</script>",
    `"><img src=x onerror=alert(1)>`,
    "'-alert(1)-'",
    "</title></style><form action=//evil.example>",
    "${7*7}{{7*7}}<%= 7*7 %>",
    "<!--",
    "&lt;script&gt;",
  ];
  const plain = (await consentPageOf(world, (await register(world)).client_id)).text;
  const tagsOf = (text: string) =>
    [...text.matchAll(/<[^>]*>/g)].map(([tag]) => tag)
      .filter((tag) => !tag.includes('name="request"'));
  for (const client_name of names) {
    const page = await consentPageOf(world, (await register(world, { client_name })).client_id);
    assert.deepEqual(tagsOf(page.text), tagsOf(plain), client_name);
    assert.equal(readForm(page).action, `${SERVER}/consent`);
  }
});

// fastmcp 48fc8cbc9: the form named an absolute path, which is another one behind some proxies.
Deno.test("the form names its address relative to the page", async () => {
  const world = await createWorld();
  const { text } = await consentPageOf(world, (await register(world)).client_id);
  assert.match(text, /<form method="post" action="consent">/);
});

// fastmcp fbee629ed: metadata promised ways of authenticating that did not work, or were not asked for.
Deno.test("every advertised way for a client to authenticate works, and is demanded", async () => {
  const metadata =
    await (await (await createWorld()).fetch(`${SERVER}/.well-known/oauth-authorization-server`))
      .json();
  for (const endpoint of ["/token", "/revoke"]) {
    const methods = endpoint === "/token"
      ? metadata.token_endpoint_auth_methods_supported
      : metadata.revocation_endpoint_auth_methods_supported;
    assert.ok(methods.length > 0);
    for (const method of methods) {
      const world = await prepare();
      const form = { token: "x", grant_type: "refresh_token", refresh_token: "x" };
      const send = async (more: Record<string, string>, headers: Record<string, string> = {}) => {
        const response = await post(world, endpoint, { ...form, ...more }, headers);
        return response.status === 200 ? "fine" : (await response.json()).error;
      };
      const accepted = endpoint === "/token" ? "invalid_grant" : "fine";
      if (method === "private_key_jwt") {
        assert.equal((await present(world, await sign(world))).status, 200);
        assert.equal(await send({ client_id: CLIENT_ID }), "invalid_client");
        continue;
      }
      const { client_id, client_secret } = await register(world, {
        token_endpoint_auth_method: method,
      });
      const right: Record<string, Parameters<typeof send>> = {
        none: [{ client_id }],
        client_secret_post: [{ client_id, client_secret: String(client_secret) }],
        client_secret_basic: [{}, {
          authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}`,
        }],
      };
      for (const [way, request] of Object.entries(right)) {
        const expected = way === method ? accepted : "invalid_client";
        assert.equal(await send(...request), expected, `${method} by ${way} at ${endpoint}`);
      }
    }
  }
});
