import assert from "node:assert/strict";
import {
  authorizationUrl,
  callTool,
  createPkce,
  post,
  REDIRECT_URI,
  type Tokens,
} from "../support/oauth_client.ts";
import {
  authorize,
  CLIENT_ID,
  DOCUMENT,
  publish,
  refreshByDocument,
  signInByDocument,
} from "../support/document_client.ts";
import { createWorld, SERVER } from "../support/world.ts";

Deno.test("a client that is a URL signs in, calls, refreshes and revokes (AS-19, AS-21)", async () => {
  const world = await createWorld();
  publish(world);
  const first = await signInByDocument(world);
  const second: Tokens = await (await refreshByDocument(world, first)).json();
  const answer = await callTool(world, second.access_token, "whoami");
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /alice@acme\.test/);
  const form = { client_id: CLIENT_ID, token: second.refresh_token };
  assert.equal((await post(world, "/revoke", form)).status, 200);
  assert.equal((await callTool(world, second.access_token, "whoami")).status, 401);
  assert.deepEqual(world.documentRequests, [CLIENT_ID]);
});

// fastmcp#4205: a public client that saw no "none" registered anew at each connection instead.
Deno.test("the metadata says that such clients are welcome (AS-19)", async () => {
  const world = await createWorld();
  const metadata = await (await world.fetch(`${SERVER}/.well-known/oauth-authorization-server`))
    .json();
  assert.equal(metadata.client_id_metadata_document_supported, true);
  for (const endpoint of ["token", "revocation"]) {
    const methods = metadata[`${endpoint}_endpoint_auth_methods_supported`];
    const algorithms = metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`];
    assert.ok(methods.includes("private_key_jwt"));
    assert.ok(methods.includes("none"));
    assert.deepEqual(algorithms, ["RS256", "ES256", "EdDSA"]);
  }
});

Deno.test("the consent page says which host published the client (AS-14)", async () => {
  const world = await createWorld();
  publish(world);
  const url = authorizationUrl({ client_id: CLIENT_ID, code_challenge: createPkce().challenge });
  const { text } = await world.browser().visit(url);
  assert.match(text, /<dt>Published by<\/dt>\s*<dd><strong>app\.example<\/strong>/);
  assert.match(text, /Allow Example App\?/);
});

Deno.test("the redirect URI has to be one of the document's, but for a loopback port (AS-5)", async () => {
  const world = await createWorld();
  publish(world);
  assert.equal((await authorize(world)).status, 200);
  const otherPort = { redirect_uri: "http://127.0.0.1:9/callback" };
  assert.equal((await authorize(world, otherPort)).status, 200);
  for (const uri of ["https://evil.example/cb", "http://127.0.0.1:33418/other"]) {
    assert.equal((await authorize(world, { redirect_uri: uri })).error, "invalid_request", uri);
  }
});

const URLS_REFUSED: [string, RegExp][] = [
  ["http://app.example/client.json", /not https/],
  ["http://localhost:8080/client.json", /not https/],
  ["http://127.0.0.1:8080/client.json", /not https/],
  ["https://app.example", /plain form/],
  ["https://app.example/", /no path/],
  ["https://app.example/?client.json", /no path/],
  ["https://app.example/a/../client.json", /plain form/],
  ["https://app.example/./client.json", /plain form/],
  ["https://app.example/a/%2e%2e/client.json", /plain form/],
  ["https://app.example/%2E/client.json", /plain form/],
  ["https://app.example/a/.%2e/client.json", /plain form/],
  ["https://app.example/a\\client.json", /plain form/],
  ["https://app.example/client.json#top", /fragment/],
  ["https://app.example/client.json#", /fragment/],
  ["https://user@app.example/client.json", /user info/],
  ["https://user:secret@app.example/client.json", /user info/],
  ["https://app.example@evil.example/client.json", /user info/],
  ["HTTPS://app.example/client.json", /plain form/],
  ["https://APP.example/client.json", /plain form/],
  ["https://app.example:443/client.json", /plain form/],
  ["https://app.example:99999/client.json", /not a URL/],
  ["https:app.example/client.json", /plain form/],
  ["https:///app.example/client.json", /plain form/],
  [" https://app.example/client.json", /not registered/],
  ["https://app.example/client json", /plain form/],
  ["https://app.example/client\n.json", /plain form/],
  ["https://äpp.example/client.json", /plain form/],
  ["https://app.example./client.json", /trailing dot/],
  ["https://93.184.215.14/client.json", /an address/],
  ["https://127.0.0.1/client.json", /an address/],
  ["https://0x7f.1/client.json", /plain form/],
  ["https://0177.0.0.1/client.json", /plain form/],
  ["https://2130706433/client.json", /plain form/],
  ["https://[::1]/client.json", /an address/],
  ["https://[64:ff9b::a9fe:a9fe]/client.json", /an address/],
  [`https://app.example/${"x".repeat(2048)}`, /more than 2048/],
  ["ftp://app.example/client.json", /not registered/],
  ["javascript:alert(1)", /not registered/],
];

Deno.test("a client id that is not a plain https URL with a path is never fetched (AS-7)", async () => {
  const world = await createWorld();
  for (const [id, reason] of URLS_REFUSED) {
    const { error, message } = await authorize(world, { client_id: id });
    assert.equal(error, "invalid_client", id);
    assert.match(message ?? "", reason, id);
  }
  assert.deepEqual(world.documentRequests, []);
});

Deno.test("ports, queries and escapes belong to a client id and are compared as they are", async () => {
  const world = await createWorld();
  for (
    const url of [
      "https://app.example:8443/client",
      "https://app.example/client?version=2",
      "https://app.example/a%20b/%7Eclient",
      "https://xn--pp-uia.example/client",
      "https://app.example/a//client",
      "https://app.example/client/",
    ]
  ) {
    publish(world, { ...DOCUMENT, client_id: url }, { url });
    assert.equal((await authorize(world, { client_id: url })).status, 200, url);
  }
});

Deno.test("documents on loopback are for development, where they are switched on", async () => {
  const env = { ALLOW_LOOPBACK_CLIENT_METADATA: "true" };
  const world = await createWorld({ env });
  for (const url of ["http://localhost:3000/client.json", "http://127.0.0.1/client.json"]) {
    publish(world, { ...DOCUMENT, client_id: url }, { url });
    assert.equal((await authorize(world, { client_id: url })).status, 200, url);
  }
  for (const url of ["http://app.example/client.json", "http://127.0.0.2/client.json"]) {
    assert.match((await authorize(world, { client_id: url })).message ?? "", /not https/, url);
  }
  const open = createWorld({ env: { ...env, WORKOS_BASE_URL: "https://mcp.example.com" } });
  await assert.rejects(open, /ALLOW_LOOPBACK_CLIENT_METADATA is for development/);
});

const RSA_KEY = { kty: "RSA", n: "AQAB", e: "AQAB" };

const DOCUMENTS_REFUSED: [string, unknown, RegExp][] = [
  ["another client_id", { client_id: "https://app.example/other.json" }, /not the URL/],
  ["a client_id with a slash more", { client_id: `${CLIENT_ID}/` }, /not the URL/],
  ["no client_id", { client_id: undefined }, /client_id is missing/],
  ["no client_name", { client_name: undefined }, /client_name is missing/],
  ["an empty client_name", { client_name: "" }, /client_name is empty/],
  ["an invisible client_name", { client_name: "\u200b\u202e" }, /client_name is empty/],
  ["an endless client_name", { client_name: "x".repeat(201) }, /client_name is not valid/],
  ["no redirect_uris", { redirect_uris: undefined }, /redirect_uris is missing/],
  ["empty redirect_uris", { redirect_uris: [] }, /redirect_uris must be/],
  ["a script as redirect URI", { redirect_uris: ["javascript:alert(1)"] }, /Neither https/],
  [
    "loopback for a web app",
    { application_type: "web", redirect_uris: [REDIRECT_URI] },
    /application_type native/,
  ],
  ["a shared secret", { client_secret: "s" }, /client_secret is a secret/],
  ["an expiry of one", { client_secret_expires_at: 0 }, /client_secret_expires_at is a secret/],
  ["no code grant", { grant_types: ["client_credentials"] }, /grant_types/],
  ...["client_secret_post", "client_secret_basic"].map((
    method,
  ): [string, unknown, RegExp] => [
    method,
    { token_endpoint_auth_method: method },
    /must be one of none, private_key_jwt/,
  ]),
  [
    "client_secret_jwt",
    { token_endpoint_auth_method: "client_secret_jwt" },
    /token_endpoint_auth_method is not valid/,
  ],
  [
    "private_key_jwt without keys",
    { token_endpoint_auth_method: "private_key_jwt" },
    /either jwks or jwks_uri/,
  ],
  [
    "keys in two places",
    {
      token_endpoint_auth_method: "private_key_jwt",
      jwks: { keys: [RSA_KEY] },
      jwks_uri: "https://app.example/keys",
    },
    /either jwks or jwks_uri/,
  ],
  [
    "keys that are not on https",
    { token_endpoint_auth_method: "private_key_jwt", jwks_uri: "http://127.0.0.1/keys" },
    /jwks_uri is not https/,
  ],
  ["a private key", { jwks: { keys: [{ ...RSA_KEY, d: "AQAB" }] } }, /not a set of public keys/],
  ["a symmetric key", { jwks: { keys: [{ kty: "oct", k: "AQAB" }] } }, /not a set of public keys/],
  ["no keys at all", { jwks: { keys: [] } }, /not a set of public keys/],
];

// fastmcp ad3b1b9d1: clients with a document went around the rules for redirect URIs.
for (const [what, change, reason] of DOCUMENTS_REFUSED) {
  Deno.test(`a document with ${what} is refused, and why (AS-4, AS-6, AS-7)`, async () => {
    const world = await createWorld();
    publish(world, Object.assign({}, DOCUMENT, change));
    const { error, message } = await authorize(world);
    assert.equal(error, "invalid_client");
    assert.match(message ?? "", reason);
  });
}

const ANSWERS_REFUSED: [string, () => Response, RegExp][] = [
  ["a redirect", () => Response.redirect("https://app.example/2", 302), /redirects elsewhere/],
  ["a permanent redirect", () => Response.redirect("https://app.example/2", 308), /redirects/],
  ["not modified", () => new Response(null, { status: 304 }), /redirects|304/],
  ["not found", () => new Response(null, { status: 404 }), /status 404/],
  ["another success", () => Response.json(DOCUMENT, { status: 201 }), /status 201/],
  ["a page", () => new Response("<p>", { headers: { "content-type": "text/html" } }), /served as/],
  ["no type", () => new Response(new TextEncoder().encode("{}")), /served as/],
  ["text", () => new Response(JSON.stringify(DOCUMENT)), /served as/],
  ["broken JSON", () => json("{"), /not valid JSON/],
  ["bad UTF-8", () => json(new Uint8Array([0x22, 0xff, 0x22])), /not valid JSON/],
  ["no object", () => json("[]"), /It is not an object/],
  ["null", () => json("null"), /It is not an object/],
];

function json(body: BodyInit): Response {
  return new Response(body, { headers: { "content-type": "application/json" } });
}

for (const [what, answer, reason] of ANSWERS_REFUSED) {
  Deno.test(`an answer that is ${what} is no document (AS-6, AS-21)`, async () => {
    const world = await createWorld();
    world.documents.set(CLIENT_ID, answer);
    const { error, message } = await authorize(world);
    assert.equal(error, "invalid_client");
    assert.match(message ?? "", reason);
  });
}

Deno.test("JSON types with a suffix and parameters are JSON", async () => {
  for (const type of ["application/json; charset=utf-8", "application/client+json"]) {
    const world = await createWorld();
    publish(world, DOCUMENT, { headers: { "content-type": type } });
    assert.equal((await authorize(world)).status, 200, type);
  }
});

Deno.test("a person sees a page that says what is wrong with the document", async () => {
  const world = await createWorld();
  publish(world, { ...DOCUMENT, client_id: "https://evil.example/<script>" });
  const url = authorizationUrl({ client_id: CLIENT_ID, code_challenge: createPkce().challenge });
  const response = await world.fetch(url, { headers: { accept: "text/html" } });
  assert.equal(response.status, 400);
  const page = await response.text();
  assert.match(page, /its client_id is not the URL it was fetched from/);
  assert.doesNotMatch(page, /evil/);
});
