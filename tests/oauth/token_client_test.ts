import assert from "node:assert/strict";
import { hashToken } from "../../lib/oauth/tokens.ts";
import { callTool, post, register } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";
import { errorOf, getCode } from "./support.ts";

Deno.test("public and confidential clients redeem, refresh and revoke alike (AS-1)", async () => {
  for (const method of ["none", "client_secret_post", "client_secret_basic"]) {
    const world = await createWorld();
    const { client, form } = await getCode(world, { token_endpoint_auth_method: method });
    const { client_id, client_secret } = client;
    const send = (path: string, { client_id: _, ...rest }: Record<string, string>) =>
      method === "client_secret_basic"
        ? post(world, path, rest, {
          authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}`,
        })
        : post(world, path, {
          ...rest,
          client_id,
          ...(method === "client_secret_post" && { client_secret: String(client_secret) }),
        });
    const { refresh_token } = await (await send("/token", form)).json();
    const refreshed = await send("/token", { grant_type: "refresh_token", refresh_token });
    assert.equal(refreshed.status, 200, method);
    const tokens = await refreshed.json();
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200, method);
    assert.equal((await send("/revoke", { token: tokens.refresh_token })).status, 200, method);
    assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 401, method);
  }
});

Deno.test("clients authenticate the way they registered, and no other way", async () => {
  const world = await createWorld();
  const { client, form } = await getCode(world, {
    token_endpoint_auth_method: "client_secret_basic",
  });
  const secret = String(client.client_secret);
  const basic = (value: string) => ({
    authorization: `Basic ${btoa(`${client.client_id}:${value}`)}`,
  });
  const { client_id: _, ...withoutId } = form;
  assert.equal(await errorOf(await post(world, "/token", form)), "401 invalid_client");
  assert.equal(
    await errorOf(await post(world, "/token", { ...form, client_secret: secret })),
    "401 invalid_client",
  );
  assert.equal(
    await errorOf(await post(world, "/token", withoutId, basic("wrong"))),
    "401 invalid_client",
  );
  assert.equal((await post(world, "/token", withoutId, basic(secret))).status, 200);
});

Deno.test("a client secret is stored as a hash only", async () => {
  const world = await createWorld();
  const client = await register(world, { token_endpoint_auth_method: "client_secret_post" });
  const row = await world.store.findClient(client.client_id, world.now());
  assert.equal(row?.secretHash, hashToken(String(client.client_secret)));
  assert.ok(!JSON.stringify(row).includes(String(client.client_secret)));
});

// fastmcp 10fb217f7: invalid_grant is 400; 401 is for clients that are not known.
Deno.test("bad token requests have the errors of RFC 6749 §5.2", async () => {
  const world = await createWorld();
  const { client_id } = await register(world);
  const attempts: [Record<string, string>, string][] = [
    [{}, "400 invalid_request"],
    [{ grant_type: "authorization_code" }, "400 invalid_request"],
    [{ grant_type: "authorization_code", client_id: "unknown" }, "401 invalid_client"],
    [{ grant_type: "password", client_id }, "400 unsupported_grant_type"],
    [{ grant_type: "refresh_token", client_id }, "400 invalid_request"],
    [{ grant_type: "refresh_token", client_id, refresh_token: "x" }, "400 invalid_grant"],
    [
      { grant_type: "refresh_token", client_id, refresh_token: "x", resource: "https://x.example" },
      "400 invalid_target",
    ],
  ];
  for (const [form, expected] of attempts) {
    assert.equal(await errorOf(await post(world, "/token", form)), expected, JSON.stringify(form));
  }
});
