/** What the client sends where, and in which order, as MCP 2026-07-28 has it. */

import assert from "node:assert/strict";
import { createMemoryTokenCache } from "../../lib/client/memory_token_cache.ts";
import { updateRecord } from "../../lib/client/token_cache.ts";
import { createFakeServer, type FakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, send, type TestClientOptions } from "./support.ts";

const RESOURCE_METADATA = "/.well-known/oauth-protected-resource";
const SERVER_METADATA = "/.well-known/oauth-authorization-server";

/** A client whose requests are written down, and may be answered by the test instead. */
function createWatchedClient(
  server: FakeServer,
  answer: (request: Request) => Response | undefined | Promise<Response | undefined> = () =>
    undefined,
  options: TestClientOptions = {},
) {
  const requests: Request[] = [];
  const client = createTestClient(server, {
    async fetch(input, init) {
      const request = new Request(input, init);
      requests.push(request.clone());
      return await answer(request) ?? await server.fetch(input, init);
    },
    ...options,
  });
  const pathsWith = (part: string) =>
    requests.map(({ url }) => new URL(url).pathname).filter((path) => path.includes(part));
  return { ...client, requests, pathsWith };
}

async function readForms(requests: Request[], path: string): Promise<URLSearchParams[]> {
  const found = requests.filter(({ url }) => new URL(url).pathname === path);
  return await Promise.all(found.map(async (request) => new URLSearchParams(await request.text())));
}

const notFound = () => new Response(null, { status: 404 });
const refuse = (challenge: string) =>
  new Response(null, { status: 401, headers: { "www-authenticate": challenge } });

Deno.test("the resource is named, without a slash at its end, at each step (CL-9, CL-35)", async () => {
  const server = createFakeServer();
  const { context, requests } = createWatchedClient(server);
  await send(context);
  server.expireAccessTokens();
  await send(context);
  const tokenRequests = await readForms(requests, "/token");
  assert.deepEqual(
    [...server.authorizationRequests, ...tokenRequests].map((form) => form.get("resource")),
    Array(3).fill("http://localhost:8000/mcp"),
  );
});

// typescript-sdk#693: Entra behind a server of MCP 2025-03-26, which knew no resource, refuses one.
for (const [name, noMetadata] of [["resource", "resource"], ["any", true]] as const) {
  Deno.test(`a server without ${name} metadata is told no resource, at no step (CL-9)`, async () => {
    const server = createFakeServer();
    server.faults.noMetadata = noMetadata;
    const { context, requests } = createWatchedClient(server);
    assert.equal(await send(context), 200);
    server.expireAccessTokens();
    assert.equal(await send(context), 200);
    const forms = [...server.authorizationRequests, ...await readForms(requests, "/token")];
    assert.deepEqual(forms.map((form) => form.has("resource")), [false, false, false]);
  });
}

Deno.test("the token is in the header of every request, never in its URL (CL-10)", async () => {
  const server = createFakeServer();
  const { context, requests } = createWatchedClient(server);
  for (let call = 0; call < 3; call++) await send(context);
  const [first, ...others] = requests.filter(({ url }) => new URL(url).pathname === "/mcp");
  assert.equal(first?.headers.get("authorization"), null);
  assert.equal(others.length, 3);
  for (const { headers } of others) {
    assert.match(headers.get("authorization") ?? "", /^Bearer at-/);
  }
  assert(requests.every(({ url }) => !url.includes("at-")));
});

Deno.test("of two servers each gets the tokens of its own authorization server (CL-11)", async () => {
  const cache = createMemoryTokenCache();
  const seen: Set<string>[] = [];
  for (const origin of ["http://localhost:8000", "http://localhost:9000"]) {
    const server = createFakeServer(origin);
    const { context, requests } = createWatchedClient(server, undefined, { cache });
    assert.equal(await send(context), 200);
    assert.equal(await send({ ...context }), 200);
    const tokens = requests.map(({ headers }) => headers.get("authorization") ?? "");
    seen.push(new Set(tokens.filter((token) => token !== "")));
  }
  assert.deepEqual(seen.map(({ size }) => size), [1, 1]);
  assert.equal(seen[0]?.isDisjointFrom(seen[1] ?? new Set()), true);
});

Deno.test("without a refresh token the person signs in again (CL-12)", async () => {
  const server = createFakeServer();
  const { context } = createWatchedClient(server, async (request) => {
    if (new URL(request.url).pathname !== "/token") return undefined;
    const { refresh_token: _, ...tokens } = await (await server.handle(request)).json();
    return Response.json(tokens);
  });
  assert.equal(await send(context), 200);
  server.expireAccessTokens();
  assert.equal(await send(context), 200);
  assert.equal(server.counts.refreshes, 0);
  assert.equal(server.counts.authorizations, 2);
});

Deno.test("resource metadata is read where the challenge says, and nowhere else (CL-14)", async () => {
  const server = createFakeServer();
  const { context, pathsWith } = createWatchedClient(server, ({ url, headers }) => {
    const { pathname } = new URL(url);
    if (pathname === "/mcp" && !headers.has("authorization")) {
      return refuse('Bearer resource_metadata="http://localhost:8000/elsewhere"');
    }
    if (pathname !== "/elsewhere") return undefined;
    return Response.json({
      resource: server.url,
      authorization_servers: ["http://localhost:8000"],
    });
  });
  assert.equal(await send(context), 200);
  assert.deepEqual(pathsWith("elsewhere"), ["/elsewhere"]);
  assert.deepEqual(pathsWith(RESOURCE_METADATA), []);
});

Deno.test("else resource metadata is looked for below the path, then at the root (CL-14)", async () => {
  const server = createFakeServer();
  const { context, pathsWith } = createWatchedClient(server, ({ url, headers }) => {
    const { pathname } = new URL(url);
    if (pathname === "/mcp" && !headers.has("authorization")) {
      return refuse("Bearer");
    }
    if (pathname === `${RESOURCE_METADATA}/mcp`) return notFound();
    if (pathname !== RESOURCE_METADATA) return undefined;
    return Response.json({
      resource: server.url,
      authorization_servers: ["http://localhost:8000"],
    });
  });
  assert.equal(await send(context), 200);
  assert.deepEqual(pathsWith(RESOURCE_METADATA), [`${RESOURCE_METADATA}/mcp`, RESOURCE_METADATA]);
});

const places: [string, string, string[]][] = [
  ["with a path", "/tenant1", [
    `${SERVER_METADATA}/tenant1`,
    "/.well-known/openid-configuration/tenant1",
    "/tenant1/.well-known/openid-configuration",
  ]],
  ["without a path", "", [SERVER_METADATA, "/.well-known/openid-configuration"]],
];
for (const [name, path, expected] of places) {
  Deno.test(`metadata of an issuer ${name} is looked for in order (CL-1, CL-2, CL-16)`, async () => {
    const server = createFakeServer();
    const issuer = `http://localhost:8000${path}`;
    server.faults.authorizationServer = issuer;
    server.faults.redirect = (parameters) => parameters.set("iss", issuer);
    const { context, requests } = createWatchedClient(server, async ({ url }) => {
      const { pathname } = new URL(url);
      if (!expected.includes(pathname)) return undefined;
      if (pathname !== expected.at(-1)) return notFound();
      const metadata = await server.fetch(`http://localhost:8000${SERVER_METADATA}`);
      return Response.json({
        ...await metadata.json(),
        issuer,
        jwks_uri: `${issuer}/jwks`,
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      });
    });
    assert.equal(await send(context), 200);
    const looked = requests.map(({ url }) => new URL(url).pathname)
      .filter((pathname) => /well-known\/(oauth-auth|openid)/.test(pathname));
    assert.deepEqual(looked, expected);
  });
}

const scopeSources: [string, unknown, string | null][] = [
  ["all scopes the resource supports", ["openid", "email"], "openid email"],
  ["no scope if it names none", undefined, null],
];
for (const [name, supported, asked] of scopeSources) {
  Deno.test(`without a scope in the challenge the client asks for ${name} (CL-31)`, async () => {
    const server = createFakeServer();
    server.faults.grantOnly = "openid";
    const { context } = createWatchedClient(server, ({ url, headers }) => {
      const { pathname } = new URL(url);
      if (pathname === "/mcp" && !headers.has("authorization")) {
        return refuse("Bearer");
      }
      if (!pathname.startsWith(RESOURCE_METADATA)) return undefined;
      return Response.json({
        resource: server.url,
        authorization_servers: ["http://localhost:8000"],
        ...supported !== undefined && { scopes_supported: supported },
      });
    });
    assert.equal(await send(context), 200);
    assert.equal(server.authorizationRequests[0]?.get("scope"), asked);
  });
}

Deno.test("metadata that names another issuer is not used (CL-17)", async () => {
  for (const issuer of ["https://evil.example", "http://localhost:8000/tenant"]) {
    const server = createFakeServer();
    server.faults.metadata = { issuer };
    await assert.rejects(send(createTestClient(server).context), { code: "issuer_mismatch" });
    assert.equal(server.counts.registrations, 0);
  }
});

// What is looked up while a person signs in must not change who may answer.
Deno.test("the issuer is the one known before the browser opened (CL-5)", async () => {
  const server = createFakeServer();
  const evil = "https://evil.example";
  server.faults.redirect = (parameters) => parameters.set("iss", evil);
  const { context } = createTestClient(server);
  const { openBrowser } = context;
  context.openBrowser = async (url) => {
    server.faults.metadata = { issuer: evil };
    await updateRecord(context.cache, server.url, ({ discovery, ...record }) => {
      const metadata = discovery?.authorizationServerMetadata;
      assert(discovery && metadata);
      const changed = { ...discovery, authorizationServerMetadata: { ...metadata, issuer: evil } };
      return { ...record, issuer: evil, discovery: changed };
    });
    await openBrowser?.(url);
  };
  await assert.rejects(send(context), { code: "issuer_mismatch" });
  assert.equal(server.counts.codeExchanges, 0);
});

const unadvertised: [string, string | undefined, number][] = [
  ["the right iss", "http://localhost:8000", 1],
  ["another iss", "https://evil.example", 0],
  ["no iss", undefined, 1],
];
for (const [name, iss, exchanges] of unadvertised) {
  const outcome = exchanges ? "used" : "refused";
  Deno.test(`an answer with ${name}, where none was promised, is ${outcome} (CL-6)`, async () => {
    const server = createFakeServer();
    server.faults.metadata = { authorization_response_iss_parameter_supported: undefined };
    server.faults.redirect = (parameters) => {
      if (iss === undefined) parameters.delete("iss");
      else parameters.set("iss", iss);
    };
    const { context } = createTestClient(server);
    if (exchanges) assert.equal(await send(context), 200);
    else await assert.rejects(send(context), { code: "issuer_mismatch" });
    assert.equal(server.counts.codeExchanges, exchanges);
  });
}

const METADATA_URL = "https://app.example/client.json";
const identities: [string, boolean, string | undefined, RegExp, number][] = [
  ["the user's client id before a document", true, "mine", /^mine$/, 0],
  ["a document before a registration", true, undefined, /^https:\/\/app\.example\//, 0],
  ["a registration where documents are not supported", false, undefined, /^client-/, 1],
];
for (const [name, documents, clientId, expected, registrations] of identities) {
  Deno.test(`the client uses ${name} (CL-3, CL-28, CL-29)`, async () => {
    const server = createFakeServer();
    server.faults.metadata = { client_id_metadata_document_supported: documents };
    const { context } = createTestClient(server, {
      openBrowser: undefined,
      settings: {
        clientMetadataUrl: METADATA_URL,
        timeout: 1,
        ...clientId !== undefined && { clientId },
      },
    });
    let shown = "";
    context.onStep = ({ name, text }) => {
      if (name === "authorization_url") shown = text.replace("Sign in at: ", "");
    };
    // Nobody follows the address: what it asks for is all there is to see.
    await assert.rejects(send(context), { code: "sign_in_timeout" });
    assert.match(new URL(shown).searchParams.get("client_id") ?? "", expected);
    assert.equal(server.counts.registrations, registrations);
  });
}
