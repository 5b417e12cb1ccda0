/** What WorkOS is told about the person's browser, for its own defences (Radar, audit log). */

import assert from "node:assert/strict";
import { authorizationUrl, createPkce, register } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

/** Signs in, with a last request that came like this, and returns WorkOS's session. */
async function signInFrom(
  peer: string | undefined,
  headers: Record<string, string>,
  env: Record<string, string> = {},
) {
  const world = await createWorld({ env });
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  const browser = world.browser();
  const login = await browser.submit(await browser.visit(url), { decision: "approve" });
  const answer = await world.fetch(login.url, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "email=alice%40acme.test",
  });
  const cookies = [...browser.cookies.get("localhost") ?? []];
  const cookie = cookies.map(([name, value]) => `${name}=${value}`).join("; ");
  const callback = new Request(answer.headers.get("location") ?? "", {
    headers: { cookie, ...headers },
  });
  const response = await world.app.fetch(callback, peer);
  assert.match(response.headers.get("location") ?? "", /code=/);
  const [session] = world.emulator.directory.sessions.listByUser("user_alice");
  assert.ok(session);
  return { address: session.ip_address, userAgent: session.user_agent };
}

Deno.test("WorkOS is told the person's address and browser", async () => {
  assert.deepEqual(await signInFrom("203.0.113.7", { "user-agent": "Browser/1" }), {
    address: "203.0.113.7",
    userAgent: "Browser/1",
  });
  assert.equal((await signInFrom("2001:db8::7", {})).address, "2001:db8::7");
});

Deno.test("behind proxies of the operator it is the address they saw, never one a stranger wrote", async () => {
  const forged = { "x-forwarded-for": "198.51.100.1" };
  assert.equal((await signInFrom("203.0.113.7", forged)).address, "203.0.113.7");
  const proxied = { "x-forwarded-for": "198.51.100.1, 203.0.113.7" };
  const env = { TRUSTED_PROXY_HOPS: "1" };
  assert.equal((await signInFrom("10.0.0.1", proxied, env)).address, "203.0.113.7");
});

Deno.test("an address that is not known is not made up", async () => {
  assert.equal((await signInFrom(undefined, {})).address, null);
  const env = { TRUSTED_PROXY_HOPS: "1" };
  const hidden = { "x-forwarded-for": "_hidden" };
  assert.equal((await signInFrom("10.0.0.1", hidden, env)).address, null);
});
