/** The server as people start and stop it. */

import assert from "node:assert/strict";
import { createScriptedBrowser } from "../lib/demo/scripted_browser.ts";
import {
  createEmulator,
  type Emulator,
  emulatorCredentials,
} from "../lib/workos/emulator/emulator.ts";
import { approve, authorizationUrl, createPkce, REDIRECT_URI } from "./support/oauth_client.ts";
import { findFreePort, PROCESS_NEEDS, startServerProcess } from "./support/server_process.ts";
import { testNeeding } from "./support/needs.ts";

testNeeding(PROCESS_NEEDS, "a first start prints what to know, and no warning", async () => {
  await using server = await startServerProcess({ LOG_LEVEL: "info" });
  const { stdout, stderr } = server.output();
  assert.ok(stdout.includes(`MCP endpoint   ${server.url}/mcp`));
  assert.match(stdout, /built-in emulator on http:\/\/localhost:\d+/);
  assert.ok(stdout.includes(`Redirect URI   ${server.url}/auth/callback`));
  assert.ok(stdout.includes(`claude mcp add --transport http workos ${server.url}/mcp`));
  assert.equal(stderr, "");
  assert.equal((await fetch(`${server.url}/readyz`).then((r) => r.json())).ready, true);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  testNeeding(PROCESS_NEEDS, `${signal} ends the server with exit code 0`, async () => {
    await using server = await startServerProcess();
    assert.equal(await server.stop(signal), 0);
  });
}

testNeeding(PROCESS_NEEDS, "a running request is finished before the server ends", async () => {
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const emulated = Promise.withResolvers<Emulator>();
  const workos = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    // Not the check at the start, which has no verifier.
    if ((await request.clone().text()).includes("code_verifier")) {
      arrived.resolve();
      await released.promise;
    }
    return await (await emulated.promise).fetch(request);
  });
  const url = `http://localhost:${findFreePort()}`;
  const apiUrl = `http://127.0.0.1:${workos.addr.port}`;
  const redirectUris = [`${url}/auth/callback`];
  emulated.resolve(createEmulator({ origin: apiUrl, now: Date.now, redirectUris }));
  await using server = await startServerProcess({
    WORKOS_BASE_URL: url,
    WORKOS_API_URL: apiUrl,
    WORKOS_CLIENT_ID: emulatorCredentials.clientId,
    WORKOS_API_KEY: emulatorCredentials.apiKey,
  });
  const browser = createScriptedBrowser({
    fetch: (request) => fetch(request, { redirect: "manual" }),
    stopAt: (url) => url.startsWith(REDIRECT_URI),
  });
  const registration = await fetch(`${url}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
  });
  const { client_id } = await registration.json();
  const challenge = createPkce().challenge;
  const { search } = new URL(
    authorizationUrl({ client_id, code_challenge: challenge, resource: undefined }),
  );
  const signedIn = approve(browser, `${url}/authorize${search}`);
  await arrived.promise;
  const ended = server.stop("SIGTERM");
  await assert.rejects(async () => {
    for (;;) await (await fetch(`${url}/healthz`)).body?.cancel();
  }, "new requests are not taken");
  released.resolve();
  assert.match((await signedIn).url, /code=/);
  assert.equal(await ended, 0);
  await workos.shutdown();
});

testNeeding(
  PROCESS_NEEDS,
  "all settings problems are reported at once, with exit code 2",
  async () => {
    await using server = await startServerProcess({
      WORKOS_CLIENT_ID: "client_1",
      STORE_URL: "redis://x",
      LOG_LEVEL: "loud",
    });
    assert.equal(await server.exited, 2);
    const { stdout, stderr } = server.output();
    assert.equal(stdout, "");
    for (const name of ["WORKOS_API_KEY", "STORE_URL", "LOG_LEVEL"]) {
      assert.match(
        stderr,
        RegExp(name),
      );
    }
    assert.doesNotMatch(stderr, /at .*\.ts:\d+/, "no stack");
  },
);

testNeeding(PROCESS_NEEDS, "a port in use is named, with the way out", async () => {
  await using first = await startServerProcess();
  await using second = await startServerProcess({ WORKOS_BASE_URL: first.url });
  assert.equal(await second.exited, 2);
  assert.match(second.output().stderr, /Port \d+ is in use.*Stop that program, or choose another/);
});

testNeeding(
  PROCESS_NEEDS,
  "a wrong key, client id or organization is found at the start",
  async () => {
    await using emulated = await startServerProcess();
    const apiUrl = /emulator on (\S+)/.exec(emulated.output().stdout)?.[1] ?? "";
    const good = {
      WORKOS_API_URL: apiUrl,
      WORKOS_CLIENT_ID: "client_emulator",
      WORKOS_API_KEY: "sk_test_emulator",
    };
    const attempts: [Record<string, string>, RegExp][] = [
      [{ WORKOS_API_KEY: "sk_wrong" }, /WORKOS_API_KEY: WorkOS refuses the key/],
      [{ WORKOS_CLIENT_ID: "client_wrong" }, /Check WORKOS_CLIENT_ID/],
      [{ WORKOS_CLIENT_ID: "client_wrong" }, /belong to different environments/],
      [{ WORKOS_ORGANIZATION_ID: "org_unknown" }, /does not know this organization/],
      [
        { WORKOS_API_KEY: "sk_old,sk_test_emulator", WORKOS_ORGANIZATION_ID: "org_unknown" },
        /does not know this organization/,
      ],
      [{ HOST: "nosuch.invalid" }, /HOST=nosuch\.invalid: cannot listen there/],
      [
        { STORE_URL: "sqlite:/dev/null/store.db", WORKOS_API_KEY: "sk_wrong" },
        /STORE_URL: the database[^]*WORKOS_API_KEY: WorkOS refuses/,
      ],
      [{ WORKOS_CONNECTION_ID: "conn_unknown" }, /does not know this connection/],
      [
        { WORKOS_ORGANIZATION_ID: "org_globex", WORKOS_CONNECTION_ID: "conn_acme" },
        /connection of another organization/,
      ],
    ];
    for (const [wrong, message] of attempts) {
      await using server = await startServerProcess({ ...good, ...wrong });
      assert.equal(await server.exited, 2, JSON.stringify(wrong));
      assert.match(server.output().stderr, message);
    }
  },
);

testNeeding(PROCESS_NEEDS, "an unreachable WorkOS is a warning: it may be back soon", async () => {
  await using server = await startServerProcess({
    WORKOS_API_URL: `http://localhost:${findFreePort()}`,
    WORKOS_CLIENT_ID: "client_emulator",
    WORKOS_API_KEY: "sk_test_emulator",
  });
  assert.match(server.output().stderr, /WorkOS cannot be reached at/);
  assert.equal((await fetch(`${server.url}/healthz`).then((r) => r.json())).ok, true);
  assert.equal(await fetch(`${server.url}/readyz`).then((r) => r.status), 503);
});

testNeeding(PROCESS_NEEDS, "a clock that is far off is reported", async () => {
  const workos = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () =>
      Response.json({ object: "list", data: [], issuer: "x", jwks_uri: "http://localhost/x" }, {
        headers: { date: new Date(Date.now() + 3_600_000).toUTCString() },
      }),
  );
  await using server = await startServerProcess({
    WORKOS_API_URL: `http://127.0.0.1:${workos.addr.port}`,
    WORKOS_CLIENT_ID: "client_emulator",
    WORKOS_API_KEY: "sk_test_emulator",
  });
  assert.match(server.output().stderr, /clock is 3(599|600) seconds behind WorkOS/);
  await workos.shutdown();
});
