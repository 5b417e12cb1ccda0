/** `deno task server` with an AuthKit domain and nothing else: how it starts, and how it is used. */

import assert from "node:assert/strict";
import { createSocketBrowser } from "../support/authkit_world.ts";
import { runClient } from "../support/client_process.ts";
import { testNeeding } from "../support/needs.ts";
import { PROVIDER_NEEDS, startOidcProvider } from "../support/oidc_provider.ts";
import { findFreePort, PROCESS_NEEDS, startServerProcess } from "../support/server_process.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

const NEEDS = { ...PROCESS_NEEDS, ...PROVIDER_NEEDS };

testNeeding(
  NEEDS,
  "a person signs in at AuthKit from the command line, and the server keeps nothing",
  () =>
    withTempDirectory(async (directory) => {
      const url = `http://127.0.0.1:${findFreePort()}`;
      await using provider = await startOidcProvider({ resources: [`${url}/mcp`] });
      await using server = await startServerProcess({
        WORKOS_BASE_URL: url,
        WORKOS_AUTHKIT_DOMAIN: provider.issuer,
        STORE_URL: `sqlite:${directory}/data/store.db`,
      });
      await Deno.mkdir(`${directory}/cache`);
      const run = await runClient([`${url}/mcp`], `${directory}/cache`, async (signInUrl) => {
        assert.equal(new URL(signInUrl).origin, provider.issuer);
        const browser = createSocketBrowser();
        const end = await browser.submit(await browser.visit(signInUrl), { email: "x" });
        assert.match(end.text, /You are signed in/);
      });
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /user_alice/);
      assert.match(run.stdout, /Hello from the MCP client/);

      const again = await runClient([`${url}/mcp`], `${directory}/cache`);
      assert.equal(again.code, 0, again.stderr);
      assert.doesNotMatch(again.stderr, /Sign in at/);
      assert.equal(await server.stop("SIGTERM"), 0);
      const kept = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
      assert.deepEqual(kept, ["cache"]);
    }),
);

testNeeding(NEEDS, "the start prints the exact resource indicator, and no warning", async () => {
  await using provider = await startOidcProvider();
  await using server = await startServerProcess({
    WORKOS_AUTHKIT_DOMAIN: `${provider.issuer}/`,
    LOG_LEVEL: "info",
  });
  const { stdout, stderr } = server.output();
  assert.ok(stdout.includes(`  MCP endpoint   ${server.url}/mcp\n`));
  assert.ok(stdout.includes(`  AuthKit        ${provider.issuer}, where people sign in\n`));
  assert.ok(
    stdout.includes(`  Resource       ${server.url}/mcp  (enter it in the WorkOS dashboard:`),
  );
  assert.ok(stdout.includes(`claude mcp add --transport http workos ${server.url}/mcp`));
  assert.doesNotMatch(stdout, /Redirect URI|Store|emulator/);
  assert.equal(stderr, "");
  const metadata = await fetch(`${server.url}/.well-known/oauth-protected-resource`);
  const { resource, authorization_servers } = await metadata.json();
  assert.deepEqual([resource, ...authorization_servers], [`${server.url}/mcp`, provider.issuer]);
  const ready = await fetch(`${server.url}/readyz`);
  assert.deepEqual(await ready.json(), { ready: true, workos_keys: true });
});

testNeeding(
  NEEDS,
  "a domain that cannot work is named at the start, with exit code 2",
  async () => {
    await using provider = await startOidcProvider();
    await using other = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => Response.json({ code: "unauthorized" }, { status: 401 }),
    );
    await using alias = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => fetch(`${provider.issuer}/.well-known/openid-configuration`),
    );
    const otherUrl = `http://127.0.0.1:${other.addr.port}`;
    const aliasUrl = `http://127.0.0.1:${alias.addr.port}`;
    const attempts: [Record<string, string>, string][] = [
      [
        { WORKOS_AUTHKIT_DOMAIN: otherUrl },
        `WORKOS_AUTHKIT_DOMAIN: there is no AuthKit at ${otherUrl} (401). Copy the domain`,
      ],
      [
        { WORKOS_AUTHKIT_DOMAIN: aliasUrl },
        `WORKOS_AUTHKIT_DOMAIN is ${aliasUrl}, which calls itself ${provider.issuer}. Set it to that.`,
      ],
      [
        { WORKOS_AUTHKIT_DOMAIN: "http://acme.authkit.app" },
        "WORKOS_AUTHKIT_DOMAIN is http on a public host (acme.authkit.app). Use https",
      ],
      [
        { WORKOS_AUTHKIT_DOMAIN: `${provider.issuer}/oauth2` },
        `WORKOS_AUTHKIT_DOMAIN must be an origin such as ${provider.issuer}, without a path`,
      ],
      [
        {
          WORKOS_AUTHKIT_DOMAIN: provider.issuer,
          WORKOS_API_URL: otherUrl,
          WORKOS_CLIENT_ID: "client_1",
          WORKOS_API_KEY: "sk_wrong",
        },
        "WORKOS_API_KEY: WorkOS refuses the key. Copy it again from the dashboard (API Keys), from " +
        "the same environment as WORKOS_AUTHKIT_DOMAIN.",
      ],
    ];
    for (const [env, message] of attempts) {
      await using server = await startServerProcess(env);
      assert.equal(await server.exited, 2, message);
      const { stdout, stderr } = server.output();
      assert.equal(stdout, "");
      assert.ok(stderr.includes(`\n  - ${message}`), stderr);
      assert.doesNotMatch(stderr, /at .*\.ts:\d+/, "no stack");
    }
  },
);

testNeeding(NEEDS, "an AuthKit out of reach is a warning: it may be back soon", async () => {
  const domain = `http://127.0.0.1:${findFreePort()}`;
  await using server = await startServerProcess({ WORKOS_AUTHKIT_DOMAIN: domain });
  const { stdout, stderr } = server.output();
  assert.match(
    stderr,
    /WorkOS cannot be reached at http:\/\/127\.0\.0\.1:\d+\..*WORKOS_AUTHKIT_DOMAIN/,
  );
  assert.ok(stdout.includes(`  Resource       ${server.url}/mcp`));
  const health = await fetch(`${server.url}/healthz`);
  assert.deepEqual(await health.json(), { ok: true });
});

testNeeding(NEEDS, "an AuthKit that is back is used without a restart", async () => {
  await using provider = await startOidcProvider();
  provider.faults.answer = () => new Response(null, { status: 502 });
  await using server = await startServerProcess({ WORKOS_AUTHKIT_DOMAIN: provider.issuer });
  assert.match(server.output().stderr, /WorkOS cannot be reached at/);
  const call = async (): Promise<number> => {
    const aud = `${server.url}/mcp`;
    const iat = Math.floor(Date.now() / 1000);
    const token = await provider.sign({
      aud,
      iat,
      exp: iat + 60,
      sub: "user_alice",
      client_id: "x",
    });
    const response = await fetch(aud, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await fetch(`${server.url}/readyz`).then((r) => r.status), 503);
  assert.equal(await call(), 503);
  provider.faults.answer = undefined;
  let status = 503;
  // The failure counts for a few seconds.
  while (status === 503) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    status = await call();
  }
  assert.equal(status, 403, "the token is read, and has no scopes");
  assert.equal(await fetch(`${server.url}/readyz`).then((r) => r.status), 200);
});
