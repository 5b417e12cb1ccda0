// A logout that revokes nothing, or says less than it did: inspector#2186, pi-mcp-adapter#96,
// basecamp-cli#713, claude-code#76504; fastmcp#5120.

import assert from "node:assert/strict";
import { runLogin } from "../../../lib/client/commands/login.ts";
import { runLogout } from "../../../lib/client/commands/logout.ts";
import { updateRecord } from "../../../lib/client/token_cache.ts";
import { ExitCode } from "../../../lib/errors.ts";
import { createFakeServer, type FakeServer } from "../../support/fake_authorization_server.ts";
import { createTestClient, type TestClient, tokensOf } from "../support.ts";
import { runCommand } from "./support.ts";

/** A server, and a client that is signed in to it. */
async function signIn(
  prepare: (server: FakeServer) => void = () => {},
): Promise<{ server: FakeServer; context: TestClient["context"]; refreshToken: string }> {
  const server = createFakeServer();
  prepare(server);
  const { context } = createTestClient(server);
  const run = await runCommand(runLogin, ["login", server.url], context);
  assert.equal(run.code, 0, run.stderr);
  const refreshToken = (await tokensOf(context))?.refresh_token ?? "";
  return { server, context, refreshToken };
}

Deno.test("logout revokes the refresh token as its client, then forgets everything", async () => {
  const { server, context, refreshToken } = await signIn();
  const { code, stdout } = await runCommand(runLogout, ["logout", server.url], context);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `Signed out of http://localhost:8000/mcp
  there  the sign-in is revoked at http://localhost:8000
  here   everything kept of it is deleted
`,
  );
  const clientId = server.authorizationRequests[0]?.get("client_id");
  assert.deepEqual(server.revocationRequests.map((request) => Object.fromEntries(request)), [{
    token: refreshToken,
    token_type_hint: "refresh_token",
    client_id: clientId,
  }]);
  // inspector#857: registration and discovery used to survive.
  assert.equal(await context.cache.read(server.url), undefined);
});

Deno.test("logout without a sign-in says so, and is fine", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const { code, stdout } = await runCommand(runLogout, ["logout", server.url], context);
  assert.equal(code, 0);
  assert.equal(stdout, "You were not signed in to http://localhost:8000/mcp.\n");
});

for (const again of [false, true]) {
  const when = again ? "looked up once more" : "as it was found at the sign-in";
  Deno.test(`logout revokes where OpenID Connect's metadata says, ${when}`, async () => {
    const server = createFakeServer();
    const { context } = createTestClient(server, {
      async fetch(input, init) {
        const url = new URL(input);
        const place = "/.well-known/oauth-authorization-server";
        if (url.pathname === place) return new Response(null, { status: 404 });
        if (url.pathname !== "/.well-known/openid-configuration") return server.fetch(input, init);
        const metadata = await server.fetch(new URL(place, url));
        return Response.json({
          ...await metadata.json(),
          jwks_uri: `${url.origin}/jwks`,
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
        });
      },
    });
    assert.equal((await runCommand(runLogin, ["login", server.url], context)).code, 0);
    const refreshToken = (await tokensOf(context))?.refresh_token;
    if (again) {
      await updateRecord(context.cache, server.url, ({ discovery: _, ...record }) => record);
    }
    const { stdout } = await runCommand(runLogout, ["logout", server.url], context);
    assert.match(stdout, /the sign-in is revoked at http:\/\/localhost:8000\n/);
    assert.equal(server.revocationRequests[0]?.get("token"), refreshToken);
  });
}

Deno.test("an authorization server without revocation is no error", async () => {
  const { server, context } = await signIn(({ faults }) => {
    faults.metadata = { revocation_endpoint: undefined };
  });
  const { code, stdout } = await runCommand(runLogout, ["logout", server.url], context);
  assert.equal(code, 0);
  assert.match(stdout, /offers no revocation: the sign-in ends by itself/);
  assert.equal(await context.cache.read(server.url), undefined);
});

/** A logout at an authorization server that answers as the test says. */
async function logOutAgainst(answer: () => Promise<Response>) {
  const { server, context, refreshToken } = await signIn();
  server.faults.revocationAnswers = [answer];
  const run = await runCommand(runLogout, ["logout", server.url, "--json"], context);
  assert(!(run.stdout + run.stderr).includes(refreshToken));
  const { revocations, forgotten } = JSON.parse(run.stdout);
  const { message } = JSON.parse(run.stderr).error;
  return { server, context, code: run.code, message, outcome: revocations[0].outcome, forgotten };
}

/** An answer, with all that could mislead. */
const answer = (status: number) => () =>
  Promise.resolve(
    new Response('{"error":"invalid_client"}', {
      status,
      headers: { location: "https://evil.example/" },
    }),
  );
const outages: [string, () => Promise<Response>, RegExp][] = [
  ["cannot be reached", () => Promise.reject(new TypeError("connection refused")), /be reached/],
  ["is out of order", answer(503), /HTTP 503/],
];
for (const [what, fault, reason] of outages) {
  Deno.test(`if the authorization server ${what}, the sign-in is kept for the next logout`, async () => {
    const run = await logOutAgainst(fault);
    assert.equal(run.code, ExitCode.unreachable);
    assert.match(run.message, reason);
    assert.match(run.message, /The sign-in is kept here, .*: run this again, or forget it/);
    assert.equal(run.outcome, "unavailable");
    assert.equal(run.forgotten, false);
    const { server, context } = run;
    assert.ok(await tokensOf(context));
    const again = await runCommand(runLogout, ["logout", server.url], context);
    assert.equal(again.code, 0);
    assert.match(again.stdout, /the sign-in is revoked at/);
    assert.equal(await context.cache.read(server.url), undefined);
  });
}

for (const [what, status] of [["refuses", 400], ["redirects", 307]] as const) {
  Deno.test(`if the authorization server ${what}, the sign-in here is deleted all the same`, async () => {
    const run = await logOutAgainst(answer(status));
    assert.equal(run.code, ExitCode.notAuthorized);
    assert.match(run.message, new RegExp(`refuses to end the sign-in \\(HTTP ${status}`));
    assert.match(run.message, /It may go on working there until it ends by itself\.$/);
    assert.equal(run.outcome, "refused");
    assert.equal(run.forgotten, true);
    assert.equal(await run.context.cache.read(run.server.url), undefined);
  });
}

Deno.test("of two authorization servers only the one that cannot be told is kept", async () => {
  const { server, context } = await signIn();
  const other = "https://other.example";
  await updateRecord(context.cache, server.url, (record) => ({
    ...record,
    issuers: {
      ...record.issuers,
      [other]: {
        tokens: { tokens: { access_token: "at-2", token_type: "Bearer" }, client_id: "c" },
      },
    },
  }));
  const { code, stdout } = await runCommand(runLogout, ["logout", server.url], context);
  assert.equal(code, ExitCode.unreachable);
  assert.equal(
    stdout,
    `Not fully signed out of http://localhost:8000/mcp
  there  the sign-in is revoked at http://localhost:8000
  there  not revoked at https://other.example
  here   kept what is not revoked
`,
  );
  const record = await context.cache.read(server.url);
  assert.deepEqual(Object.keys(record?.issuers ?? {}), [other]);
});

Deno.test("an answer without content says that the sign-in is revoked", async () => {
  const { server, context } = await signIn();
  server.faults.revocationAnswers = [() => new Response(null, { status: 204 })];
  const { code, stdout } = await runCommand(runLogout, ["logout", server.url], context);
  assert.equal(code, 0);
  assert.match(stdout, /the sign-in is revoked at/);
});

Deno.test("a redirect is not followed: it would hand the token to whoever it names", async () => {
  const { server, context } = await signIn();
  const modes: unknown[] = [];
  const watchingFetch: typeof context.fetch = (input, init) => {
    if (String(input).endsWith("/revoke")) modes.push(init?.redirect);
    return context.fetch(input, init);
  };
  await runCommand(runLogout, ["logout", server.url], { ...context, fetch: watchingFetch });
  assert.deepEqual(modes, ["manual"]);
});

Deno.test("Ctrl-C during a logout deletes nothing: the next one can still revoke", async () => {
  const { server, context } = await signIn();
  const controller = new AbortController();
  server.faults.revocationAnswers = [() => {
    controller.abort(new Error("interrupted"));
    return Promise.reject(new TypeError("aborted"));
  }];
  const options = { ...context, signal: controller.signal };
  await runCommand(runLogout, ["logout", server.url], options);
  assert.ok(await tokensOf(context));
});

Deno.test("a client with a secret shows it to the revocation endpoint", async () => {
  for (const method of ["client_secret_basic", "client_secret_post"]) {
    const words = ["--client-id", "id:1", "--client-secret", "hush hush"];
    const server = createFakeServer();
    server.faults.metadata = { revocation_endpoint_auth_methods_supported: [method] };
    const { context } = createTestClient(server);
    const issuer = new URL(server.url).origin;
    await context.cache.write(server.url, {
      issuer,
      issuers: {
        [issuer]: {
          tokens: { tokens: { access_token: "at", token_type: "Bearer" }, client_id: "id:1" },
        },
      },
    });
    const run = await runCommand(runLogout, ["logout", server.url, ...words], context);
    assert.equal(run.code, 0, run.stderr);
    const [request] = server.revocationRequests;
    assert.equal(request?.get("token"), "at");
    assert.equal(request?.get("token_type_hint"), "access_token");
    // RFC 6749 §2.3.1: each part is form-encoded before the colon joins them.
    assert.equal(
      request?.get("authorization"),
      method === "client_secret_basic" ? `Basic ${btoa("id%3A1:hush+hush")}` : null,
    );
    assert.equal(
      request?.get("client_secret"),
      method === "client_secret_post" ? "hush hush" : null,
    );
  }
});

Deno.test("the token is not sent to an address that is not safe", async () => {
  const { server, context } = await signIn(({ faults }) => {
    faults.metadata = { revocation_endpoint: "http://evil.example/revoke" };
  });
  const { code, stderr } = await runCommand(runLogout, ["logout", server.url], context);
  assert.equal(code, ExitCode.notAuthorized);
  assert.match(stderr, /The address of the revocation endpoint uses http, not https/);
});
