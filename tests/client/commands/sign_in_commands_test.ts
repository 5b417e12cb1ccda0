import assert from "node:assert/strict";
import { runCacheClear, runCacheList } from "../../../lib/client/commands/cache.ts";
import { runConnect } from "../../../lib/client/commands/connect.ts";
import { runLogin } from "../../../lib/client/commands/login.ts";
import { ExitCode } from "../../../lib/errors.ts";
import { createFakeServer } from "../../support/fake_authorization_server.ts";
import { createTestClient, tokensOf } from "../support.ts";
import { runCommand } from "./support.ts";

const NOW = Date.UTC(2026, 10, 24);
const now = () => NOW;

Deno.test("login signs in once, and says to what, as whom and for how long", async () => {
  const server = createFakeServer(undefined, now);
  const { context } = createTestClient(server, { now });
  const first = await runCommand(runLogin, ["login", server.url], context);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(
    first.stdout,
    `Signed in to http://localhost:8000/mcp
  issuer   http://localhost:8000
  who      alice@acme.test
  scopes   openid
  expires  in 15 minutes, renews itself
`,
  );
  const second = await runCommand(runLogin, ["login", server.url], context);
  assert.deepEqual(second, { ...first, stderr: "" });
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("login --scope asks again for scopes that are missing, not for those there are", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await runCommand(runLogin, ["login", server.url], context);
  await runCommand(runLogin, ["login", server.url, "--scope", "openid"], context);
  assert.equal(server.counts.authorizations, 1);
  const words = ["login", server.url, "--scope", "openid email"];
  const { stdout } = await runCommand(runLogin, words, context);
  assert.match(stdout, /scopes {3}openid email\n/);
  assert.equal(server.counts.authorizations, 2);
});

Deno.test("login --scope asks a person once, also where its tokens are refused", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await runCommand(runLogin, ["login", server.url], context);
  server.faults.tokenLifetime = -1;
  const words = ["login", server.url, "--scope", "openid email", "--json"];
  const { code, stderr } = await runCommand(runLogin, words, context);
  assert.equal(code, ExitCode.notAuthorized);
  assert.equal(JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "").error.code, "token_refused");
  assert.equal(server.counts.authorizations, 2);
});

Deno.test("login at a server that wants none says so", async () => {
  const server = createFakeServer();
  server.faults.open = true;
  server.faults.noMetadata = true;
  const { context } = createTestClient(server);
  const { code, stdout } = await runCommand(runLogin, ["login", server.url], context);
  assert.equal(code, 0);
  assert.match(stdout, /^http:\/\/localhost:8000\/mcp did not ask for a sign-in, and does not say/);
});

Deno.test("login signs in to a server that asks for it only when a tool is called", async () => {
  const server = createFakeServer();
  const { context, steps } = createTestClient(server, {
    async fetch(input, init) {
      const { method } = JSON.parse(
        typeof init?.body === "string" && init.body[0] === "{" ? init.body : "{}",
      );
      server.faults.open = method !== "tools/call";
      return await server.fetch(input, init);
    },
  });
  const run = await runCommand(runLogin, ["login", server.url], context);
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /^Signed in to http:\/\/localhost:8000\/mcp\n.*\n {2}who {6}alice@/);
  assert.equal(server.authorizationRequests[0]?.get("scope"), "openid email");
  assert.deepEqual(steps.map(({ name }) => name), [
    "registered",
    "authorization_url",
    "browser_opened",
    "sign_in_awaited",
  ]);
  await runCommand(runLogin, ["login", server.url], context);
  assert.equal(server.counts.authorizations, 1);
});

Deno.test("login does not depend on whoami", async () => {
  const server = createFakeServer();
  server.faults.whoami = () => ({ content: [], isError: true });
  const { context } = createTestClient(server);
  const { code, stdout } = await runCommand(runLogin, ["login", server.url], context);
  assert.equal(code, 0);
  assert.match(stdout, /who {6}-\n/);
});

// fastmcp#2270, #4611, opencode#35625: nobody can tell what is kept, or where.
Deno.test("cache list tells server, who, expiry, last use, issuer and scopes", async () => {
  const server = createFakeServer(undefined, now);
  const { context } = createTestClient(server, { now });
  await runCommand(runConnect, [server.url], context);
  const later = { ...context, now: () => NOW + 60_000 };
  const { stdout } = await runCommand(runCacheList, ["cache", "list"], later);
  assert.equal(
    stdout,
    [
      "SERVER                     WHO              EXPIRES                       LAST USED     ISSUER                 SCOPES",
      "http://localhost:8000/mcp  alice@acme.test  in 14 minutes, renews itself  1 minute ago  http://localhost:8000  openid",
      "",
    ].join("\n"),
  );
  const json = await runCommand(runCacheList, ["cache", "list", "--json"], later);
  assert.deepEqual(JSON.parse(json.stdout), [{
    server_url: "http://localhost:8000/mcp",
    issuer: "http://localhost:8000",
    signed_in: true,
    account: "alice@acme.test",
    scope: "openid",
    expires_at: NOW / 1000 + 900,
    renewable: true,
    last_used_at: NOW / 1000,
  }]);
});

Deno.test("cache list has a line for each authorization server, and for one server if it is named", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const tokens = (access_token: string) => ({
    tokens: { access_token, token_type: "Bearer" },
    client_id: "c",
  });
  const [old, present] = ["https://old.example", "https://new.example"];
  await context.cache.write(server.url, {
    issuer: present,
    issuers: {
      [old]: { tokens: { ...tokens("1"), account: "alice@acme.test" } },
      [present]: { tokens: { ...tokens("2"), account: "bob@acme.test" } },
      "https://never.example": {},
    },
  });
  const other = "https://mcp.example.com/mcp";
  await context.cache.write(other, { issuers: {} });
  const list = async (...words: string[]) => {
    const run = await runCommand(runCacheList, ["cache", "list", "--json", ...words], context);
    return JSON.parse(run.stdout).map((one: Record<string, unknown>) =>
      `${one.server_url} ${one.issuer} ${one.account} ${one.signed_in}`
    );
  };
  const lines = [
    `${server.url} ${present} bob@acme.test true`,
    `${server.url} ${old} alice@acme.test true`,
  ];
  assert.deepEqual(await list(), [...lines, `${other} null null false`]);
  assert.deepEqual(await list(server.url), lines);
  const words = ["cache", "list", "http://localhost:9/mcp"];
  const { stdout } = await runCommand(runCacheList, words, context);
  assert.equal(stdout, "No sign-in to http://localhost:9/mcp is kept here.\n");
});

Deno.test("no command prints a token, whatever the format", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const tokens: string[] = [];
  for (const json of [[], ["--json"]]) {
    const runs = [
      await runCommand(runLogin, ["login", server.url, ...json], context),
      await runCommand(runCacheList, ["cache", "list", ...json], context),
    ];
    const { access_token, refresh_token } = await tokensOf(context) ?? {};
    tokens.push(access_token ?? "", refresh_token ?? "");
    runs.push(await runCommand(runCacheClear, ["cache", "clear", ...json], context));
    for (const token of tokens) {
      assert.ok(token.length > 10);
      for (const { stdout, stderr } of runs) assert(!(stdout + stderr).includes(token));
    }
  }
});

Deno.test("a renewal keeps who is signed in, another sign-in does not", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const who = async () => {
    const { stdout } = await runCommand(runCacheList, ["cache", "list", "--json"], context);
    return JSON.parse(stdout)[0].account;
  };
  await runCommand(runLogin, ["login", server.url], context);
  server.faults.whoami = () => ({ content: [{ type: "text", text: "two words" }] });
  server.expireAccessTokens();
  await runCommand(runLogin, ["login", server.url], context);
  assert.equal(server.counts.refreshes, 1);
  assert.equal(await who(), "alice@acme.test");
  server.revokeEverything();
  await runCommand(runLogin, ["login", server.url], context);
  assert.equal(await who(), null);
});

Deno.test("with a good token nothing is written: nobody's renewal can be undone by it", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  await runCommand(runConnect, [server.url], context);
  const cache = { ...context.cache, write: () => Promise.reject(new Error("written")) };
  for (const run of [runConnect, runLogin]) {
    const words = run === runLogin ? ["login", server.url] : [server.url];
    const { code, stderr } = await runCommand(run, words, { ...context, cache });
    assert.equal(code, 0, stderr);
  }
});

Deno.test("cache clear forgets all servers, or the one that is named", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server);
  const clear = async (...words: string[]) => {
    const { stdout } = await runCommand(
      runCacheClear,
      ["cache", "clear", ...words, "--json"],
      context,
    );
    return JSON.parse(stdout).cleared;
  };
  const other = "https://mcp.example.com/mcp";
  await context.cache.write(server.url, { issuers: {} });
  await context.cache.write(other, { issuers: {} });
  assert.deepEqual(await clear(other), [other]);
  assert.deepEqual(await clear(other), []);
  await context.cache.write(other, { issuers: {} });
  assert.deepEqual(await clear(), [server.url, other]);
  const { code, stdout } = await runCommand(runCacheClear, ["cache", "clear"], context);
  assert.equal(code, ExitCode.ok);
  assert.equal(stdout, "Nothing was kept.\n");
});
