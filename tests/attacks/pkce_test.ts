/** PKCE, for every kind of client and at every door. */

import assert from "node:assert/strict";
import { authorizationUrl, createPkce, post, register } from "../support/oauth_client.ts";
import { CLIENT_ID, DOCUMENT, publish } from "../support/document_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";

const CLIENTS: [string, (world: World) => Promise<string>][] = [
  ...["none", "client_secret_post", "client_secret_basic"].map((
    method,
  ): [string, (world: World) => Promise<string>] => [
    `registered with ${method}`,
    async (world) => (await register(world, { token_endpoint_auth_method: method })).client_id,
  ]),
  ["with a document", (world) => {
    publish(world, DOCUMENT);
    return Promise.resolve(CLIENT_ID);
  }],
];

// better-auth#10637: a second, older way to a code did without PKCE. CVE-2025-4144: leaving out the
// challenge switched it off.
for (const [what, obtain] of CLIENTS) {
  Deno.test(`a client ${what} gets nowhere without PKCE, by GET or POST`, async () => {
    const world = await createWorld();
    const client_id = await obtain(world);
    const ask = async (parameters: Record<string, string | undefined>, method: string) => {
      const url = new URL(authorizationUrl({ client_id, ...parameters }));
      const response = method === "GET"
        ? await world.fetch(url, { redirect: "manual" })
        : await post(world, "/authorize", Object.fromEntries(url.searchParams));
      const location = response.headers.get("location");
      return location === null ? response.status : new URL(location).searchParams.get("error");
    };
    const { challenge } = createPkce();
    for (const method of ["GET", "POST"]) {
      const without = { code_challenge_method: undefined };
      assert.equal(await ask(without, method), "invalid_request");
      assert.equal(await ask({ code_challenge: challenge, ...without }, method), "invalid_request");
      const plain = { code_challenge: challenge, code_challenge_method: "plain" };
      assert.equal(await ask(plain, method), "invalid_request");
      assert.equal(await ask({ code_challenge: challenge }, method), 200);
    }
  });
}

Deno.test("S256 is the only method that is advertised (CVE-2025-4144)", async () => {
  const world = await createWorld();
  const response = await world.fetch(`${SERVER}/.well-known/oauth-authorization-server`);
  assert.deepEqual((await response.json()).code_challenge_methods_supported, ["S256"]);
});
