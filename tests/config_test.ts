import assert from "node:assert/strict";
import { readConfig } from "../lib/config.ts";
import { SettingsError } from "../lib/errors.ts";

const CREDENTIALS = { WORKOS_CLIENT_ID: "client_123", WORKOS_API_KEY: "sk_test_456" };

function problemsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof SettingsError) return [...error.problems];
    throw error;
  }
  return [];
}

Deno.test("nothing set means the documented defaults and the emulator", () => {
  const config = readConfig({});
  assert.equal(config.baseUrl, "http://localhost:8000");
  assert.equal(config.resource, "http://localhost:8000/mcp");
  assert.deepEqual(config.listen, { hostname: "localhost", port: 8000 });
  assert.equal(config.workos.credentials, undefined);
  assert.deepEqual(config.requiredScopes, ["openid", "profile", "email"]);
  assert.deepEqual(config.store, { kind: "sqlite", path: ".data/store.db" });
  assert.equal(config.accessTokenTtl, 900);
  assert.equal(config.refreshTokenTtl, 2_592_000);
});

Deno.test("an empty value counts as not set", () => {
  assert.deepEqual(readConfig({ WORKOS_CLIENT_ID: "", PORT: " " }), readConfig({}));
});

Deno.test("the issuer has no trailing slash however the base URL is written", () => {
  const config = readConfig({ ...CREDENTIALS, WORKOS_BASE_URL: "https://mcp.example.com/" });
  assert.equal(config.baseUrl, "https://mcp.example.com");
  assert.deepEqual(config.listen, { hostname: "0.0.0.0", port: 443 });
});

Deno.test("required scopes are a JSON array or names separated by blanks or commas", () => {
  const name = "FASTMCP_SERVER_AUTH_WORKOS_REQUIRED_SCOPES";
  for (
    const value of ['["profile", "email"]', "profile email", "profile,email", "profile, email"]
  ) {
    assert.deepEqual(readConfig({ [name]: value }).requiredScopes, ["profile", "email"], value);
    assert.deepEqual(
      readConfig({ WORKOS_REQUIRED_SCOPES: value }).requiredScopes,
      ["profile", "email"],
    );
  }
  const same = { [name]: '["profile", "email"]', WORKOS_REQUIRED_SCOPES: "email profile" };
  assert.deepEqual(problemsOf(same), []);
});

Deno.test("two API keys stand beside each other while one is rotated", () => {
  const { workos } = readConfig({ ...CREDENTIALS, WORKOS_API_KEY: "sk_new, sk_old" });
  assert.deepEqual(workos.credentials?.apiKeys, ["sk_new", "sk_old"]);
});

const PROBLEMS: [string, Record<string, string>, RegExp][] = [
  ["half of the credentials", { WORKOS_CLIENT_ID: "client_1" }, /WORKOS_API_KEY is not/],
  ["the other half", { WORKOS_API_KEY: "sk_1" }, /WORKOS_CLIENT_ID is not/],
  ["a swapped key", { ...CREDENTIALS, WORKOS_API_KEY: "client_1" }, /does not look like sk_/],
  ["a swapped id", { ...CREDENTIALS, WORKOS_CLIENT_ID: "sk_1" }, /does not look like client_/],
  ["three keys", { ...CREDENTIALS, WORKOS_API_KEY: "sk_1,sk_2,sk_3" }, /more than two keys/],
  ["no URL", { WORKOS_BASE_URL: "localhost:8000" }, /WORKOS_BASE_URL is not an http/],
  ["a path", { WORKOS_BASE_URL: "http://localhost:8000/mcp" }, /must be an origin/],
  ["http in public", { ...CREDENTIALS, WORKOS_BASE_URL: "http://mcp.example.com" }, /Use https/],
  ["the emulator in public", { WORKOS_BASE_URL: "https://mcp.example.com" }, /only for a loopback/],
  ["an API URL alone", { WORKOS_API_URL: "http://localhost:4100" }, /Set all three/],
  ["a plain API URL", { ...CREDENTIALS, WORKOS_API_URL: "http://workos.test" }, /Use https/],
  ["a wrong organization", { WORKOS_ORGANIZATION_ID: "acme" }, /does not look like org_/],
  ["a wrong connection", { WORKOS_CONNECTION_ID: "acme" }, /does not look like conn_/],
  ["a port that is none", { PORT: "http" }, /PORT must be a whole number/],
  ["a port too high", { PORT: "70000" }, /PORT must be a whole number/],
  ["a bad scope list", { WORKOS_REQUIRED_SCOPES: '["email"' }, /is not a list of scopes/],
  ["scopes that are no names", { WORKOS_REQUIRED_SCOPES: "[1]" }, /is not a list of scopes/],
  ["an empty scope list", { WORKOS_REQUIRED_SCOPES: "[]" }, /a request can need/],
  ["offline_access alone", { WORKOS_REQUIRED_SCOPES: "offline_access" }, /a request can need/],
  ["a store with a host", { STORE_URL: "sqlite://data/store.db" }, /STORE_URL is not one of/],
  ["an unknown store", { STORE_URL: "redis://localhost" }, /STORE_URL is not one of/],
  ["a lifetime of zero", { ACCESS_TOKEN_TTL: "0" }, /ACCESS_TOKEN_TTL must be/],
  [
    "a short refresh token",
    { ACCESS_TOKEN_TTL: "900", REFRESH_TOKEN_TTL: "600" },
    /longer than REFRESH_TOKEN_TTL/,
  ],
  ["a log level", { LOG_LEVEL: "loud" }, /LOG_LEVEL must be one of debug, info, warning, error/],
  ["claims that are no JSON", { WORKOS_REQUIRED_CLAIMS: "org_id=1" }, /is not a JSON object/],
  ["a claim with conditions", { WORKOS_REQUIRED_CLAIMS: '{"a":{"b":1}}' }, /"a" is compared with/],
  ["a claim with no choice", { WORKOS_REQUIRED_CLAIMS: '{"a":[]}' }, /"a" is compared with/],
  ["a webhook without secret", { WORKOS_EVENTS: "webhook" }, /WORKOS_WEBHOOK_SECRET is not set/],
  ["polling without a key", { WORKOS_EVENTS: "poll" }, /needs WORKOS_CLIENT_ID/],
  ["a client secret alone", { WORKOS_CLIENT_SECRET: "x" }, /without WORKOS_AUTHKIT_DOMAIN/],
  ["a Connect application without id", {
    WORKOS_AUTHKIT_DOMAIN: "x.authkit.app",
    WORKOS_CLIENT_SECRET: "x",
  }, /WORKOS_CLIENT_ID is not/],
  ["a connection at AuthKit", {
    WORKOS_AUTHKIT_DOMAIN: "x.authkit.app",
    WORKOS_CONNECTION_ID: "conn_1",
  }, /AuthKit chooses/],
  ["events without anything to end", {
    WORKOS_AUTHKIT_DOMAIN: "https://x.authkit.app",
    WORKOS_WEBHOOK_SECRET: "whsec_1",
  }, /keeps nothing/],
  ["a key twice", { ...CREDENTIALS, WORKOS_API_KEY_FILE: "key" }, /Keep one/],
  ["a key file that is not there", {
    WORKOS_CLIENT_ID: "client_1",
    WORKOS_API_KEY_FILE: "key",
  }, /cannot be read/],
  ["Deno's own spans", { OTEL_DENO: "true" }, /OTEL_DENO_TRACING must be false/],
  [
    "two lists of scopes",
    { WORKOS_REQUIRED_SCOPES: "email", FASTMCP_SERVER_AUTH_WORKOS_REQUIRED_SCOPES: "openid" },
    /Keep one/,
  ],
];

for (const [what, env, message] of PROBLEMS) {
  Deno.test(`${what} is a problem that names the fix`, () => {
    const problems = problemsOf(env);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", message);
  });
}

Deno.test("all problems are reported together", () => {
  const problems = problemsOf({
    WORKOS_CLIENT_ID: "client_1",
    WORKOS_BASE_URL: "ftp://x",
    PORT: "x",
    STORE_URL: "x",
    LOG_FORMAT: "xml",
  });
  assert.equal(problems.length, 5, problems.join("\n"));
});

Deno.test("no problem repeats a secret", () => {
  const secret = "sk-with-a-typo-0123456789";
  const problems = problemsOf({ ...CREDENTIALS, WORKOS_API_KEY: secret });
  assert.equal(problems.length, 1);
  assert.ok(!problems.join().includes(secret));
});
