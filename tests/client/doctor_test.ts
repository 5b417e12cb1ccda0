import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import { STEPS } from "../../lib/client/doctor/finding.ts";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import { CommandError } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { diagnose } from "./doctor_support.ts";
import { createTestClient } from "./support.ts";

const REVOCATION = { revocation_endpoint: "http://localhost:8000/revoke" };

Deno.test("the doctor finds a good server good, and changes nothing there", async () => {
  const server = createFakeServer();
  server.faults.metadata = REVOCATION;
  const { exitCode, text, findings } = await diagnose(server);
  assert.equal(exitCode, 0);
  assert.equal(
    text,
    `ok    URL                   http://localhost:8000/mcp
ok    cache                 /home/me/cache, 1 server, readable by you only
ok    kept sign-in          none yet
ok    DNS                   localhost is 192.0.2.1
ok    connection            plain http, which stays on this machine
ok    MCP endpoint          HTTP 401, Bearer challenge with scope openid and the address of its metadata
ok    resource metadata     for exactly this server, names one authorization server
ok    authorization server  issuer http://localhost:8000
ok    PKCE                  S256 is offered
ok    registration          a new one would be made; what is no registration is refused
ok    token endpoint        it answers, and refuses a request without a code
ok    revocation            a logout ends the sign-in at the server too
-     not looked at         redirect URI: only a registered client can ask; a sign-in registers one
-     not looked at         clock: no server told the time

A sign-in would work, as far as can be told: whether the redirect URI is accepted could not be tested.
`,
  );
  assert.deepEqual(findings.map(({ step }) => step), STEPS.filter((step) => step !== "workos"));
  assert.equal(server.counts.registrations, 0);
  assert.equal(server.counts.authorizations, 0);
});

Deno.test("after a sign-in the doctor asks with the registration there is", async () => {
  const server = createFakeServer();
  const cache = createMemoryTokenCache();
  const { context } = createTestClient(server, { cache });
  await (await connect(server.url, context)).close();
  const { exitCode, find, text } = await diagnose(server, { cache });
  assert.equal(exitCode, 0);
  assert.match(text, /\n\nA sign-in would work\.\n$/);
  assert.match(find("kept_sign_in").seen, /at http:\/\/localhost:8000; its token ends in 15 min/);
  assert.match(find("registration").seen, /^registered already: client-/);
  assert.equal(
    find("redirect_uri").seen,
    "accepted: the browser goes on to http://127.0.0.1:40000/callback",
  );
  assert.equal(server.counts.registrations, 1);
});

Deno.test("a sign-in that has run out is no problem", async () => {
  const server = createFakeServer();
  const cache = createMemoryTokenCache();
  const { context } = createTestClient(server, { cache });
  await (await connect(server.url, context)).close();
  const now = () => Date.now() + 3 * 86_400_000;
  const { exitCode, find } = await diagnose(server, { cache, now });
  assert.equal(exitCode, 0);
  assert.match(find("kept_sign_in").seen, /its token ended 3 days ago; it is renewed without/);
});

Deno.test("a server without a sign-in is fine, and said to be one", async () => {
  const server = createFakeServer();
  server.faults.open = true;
  for (const legacyOnly of [true, false]) {
    server.faults.legacyOnly = legacyOnly;
    const { exitCode, find, outcome, text } = await diagnose(server);
    assert.equal(exitCode, 0);
    assert.match(text, /\n\nNo sign-in is needed\.\n$/);
    assert.equal(find("endpoint").seen, "an MCP server that asks for no sign-in");
    assert.equal(outcome("registration"), "skipped");
  }
});

Deno.test("a server of MCP 2025-03-26 gets warnings, and a sign-in would work", async () => {
  const server = createFakeServer();
  server.faults.noMetadata = true;
  const { exitCode, outcome } = await diagnose(server);
  assert.equal(exitCode, 0);
  assert.equal(outcome("resource_metadata"), "no_resource_metadata");
  assert.equal(outcome("authorization_server"), "no_server_metadata");
  assert.equal(outcome("pkce"), "ok");
  assert.equal(outcome("registration"), "ok");
});

Deno.test("what cannot be looked at after a problem is said once", async () => {
  const { exitCode, text } = await diagnose(createFakeServer(), {
    fetch: () => Promise.reject(new TypeError("connection refused")),
  });
  assert.equal(exitCode, 4);
  assert.equal(text.match(/not looked at/g)?.length, 1);
  assert.match(text, /not looked at +MCP endpoint, .*, clock: the server cannot be reached\n$/);
  assert.match(text, /^FAIL +connection +unreachable\n {6}http:\/\/localhost:8000 cannot be/m);
});

Deno.test("steps that do not depend on a problem are looked at all the same", async () => {
  const server = createFakeServer();
  server.faults.metadata = { code_challenge_methods_supported: ["plain"] };
  const { exitCode, find, outcome } = await diagnose(server);
  assert.equal(exitCode, 3);
  assert.equal(outcome("pkce"), "pkce_unsupported");
  assert.equal(find("pkce").seen, 'only "plain"');
  assert.equal(outcome("registration"), "ok");
  assert.equal(outcome("token_endpoint"), "ok");
});

Deno.test("the first problem decides the exit code", async () => {
  const server = createFakeServer();
  server.faults.metadata = { code_challenge_methods_supported: undefined };
  const { exitCode, outcome } = await diagnose(server, {
    lies: { "/token": () => new Response(null, { status: 503 }) },
  });
  assert.equal(outcome("pkce"), "pkce_unsupported");
  assert.equal(outcome("token_endpoint"), "authorization_server_unavailable");
  assert.equal(exitCode, 3);
});

Deno.test("what a server said is cleaned before the doctor shows it", async () => {
  const evil = "\x1b[2Jevil\u202Etxt\x07";
  const server = createFakeServer();
  server.faults.metadata = { issuer: `http://localhost:8000/${evil}` };
  for (
    const lies of [
      { "/mcp": () => Response.json({ error_description: evil }, { status: 403 }) },
      {
        "/mcp": () =>
          new Response(`<title>${evil}</title>`, { headers: { "content-type": "text/html" } }),
      },
      {},
    ]
  ) {
    const { text, findings } = await diagnose(server, { lies });
    // deno-lint-ignore no-control-regex -- these are what must not be there
    const obeyed = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202E]/;
    assert.doesNotMatch(text, obeyed);
    for (const { seen } of findings) assert.doesNotMatch(seen, obeyed);
    assert.match(text, /evil/);
  }
});

Deno.test("a URL that cannot be a server's is a wrong command line", async () => {
  for (const url of ["http://example.com/mcp", "ftp://example.com/mcp"]) {
    await assert.rejects(diagnose(createFakeServer(), { url }), { code: "usage", exitCode: 2 });
  }
});

Deno.test("Ctrl-C while the doctor looks is no problem of the server", async () => {
  const controller = new AbortController();
  const interruption = new CommandError("interrupted", "Interrupted.", 130);
  const diagnosis = diagnose(createFakeServer(), {
    signal: controller.signal,
    lies: {
      "/token": () => {
        controller.abort(interruption);
        throw interruption;
      },
    },
  });
  await assert.rejects(diagnosis, interruption);
});
