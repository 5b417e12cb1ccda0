import assert from "node:assert/strict";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { diagnose, type Lies } from "./doctor_support.ts";

const page = (status: number, title = "Welcome") =>
  new Response(`<!doctype html><title>${title}</title>`, {
    status,
    headers: { "content-type": "text/html; charset=utf-8" },
  });
const redirect = (status: number, location: string) =>
  new Response(null, { status, headers: { location } });
const challenge = (text: string) =>
  new Response(null, { status: 401, headers: { "www-authenticate": text } });

/** What is at the URL, and what the doctor has to say about it. */
const cases: {
  name: string;
  answer: () => Response;
  code: string;
  seen: RegExp;
  exitCode: number;
}[] = [
  {
    name: "a web page",
    answer: () => page(200),
    code: "not_mcp",
    seen: /HTTP 200, a web page titled "Welcome"/,
    exitCode: 4,
  },
  {
    name: "nothing",
    answer: () => page(404, "Not found"),
    code: "not_mcp",
    seen: /HTTP 404/,
    exitCode: 4,
  },
  {
    name: "something that takes no messages",
    answer: () => new Response("no", { status: 405 }),
    code: "not_mcp",
    seen: /HTTP 405/,
    exitCode: 4,
  },
  {
    name: "JSON of another kind",
    answer: () => Response.json({ hello: "world" }),
    code: "not_mcp",
    seen: /HTTP 200, application\/json/,
    exitCode: 4,
  },
  {
    name: "an answer that is none",
    answer: () => new Response("[", { headers: { "content-type": "application/json" } }),
    code: "not_mcp",
    seen: /HTTP 200/,
    exitCode: 4,
  },
  {
    name: "a redirect to somewhere else",
    answer: () => redirect(307, "https://login.example/start?secret=1"),
    code: "redirected",
    seen: /HTTP 307, a redirect to https:\/\/login\.example\/start$/,
    exitCode: 4,
  },
  {
    name: "a redirect that makes another request of it",
    answer: () => redirect(302, "/elsewhere"),
    code: "redirected",
    seen: /HTTP 302, a redirect to http:\/\/localhost:8000\/elsewhere/,
    exitCode: 4,
  },
  {
    name: "a port for https",
    answer: () =>
      new Response("Client sent an HTTP request to an HTTPS server.\n", { status: 400 }),
    code: "not_http",
    seen: /HTTP 400/,
    exitCode: 4,
  },
  {
    name: "a refusal",
    answer: () => Response.json({ error_description: "not you" }, { status: 403 }),
    code: "forbidden",
    seen: /HTTP 403: not you/,
    exitCode: 3,
  },
  {
    name: "a gateway without a server behind",
    answer: () => page(502, "Bad gateway"),
    code: "server_unavailable",
    seen: /HTTP 502, a web page titled "Bad gateway"/,
    exitCode: 4,
  },
  {
    name: "a limit",
    answer: () => new Response(null, { status: 429 }),
    code: "server_unavailable",
    seen: /HTTP 429/,
    exitCode: 4,
  },
];

for (const { name, answer, code, seen, exitCode } of cases) {
  Deno.test(`the doctor tells ${name} at the URL from an MCP endpoint`, async () => {
    const diagnosis = await diagnose(createFakeServer(), { lies: { "/mcp": answer } });
    assert.equal(diagnosis.outcome("endpoint"), code);
    assert.match(diagnosis.find("endpoint").seen, seen);
    assert.equal(diagnosis.exitCode, exitCode);
    assert.equal(diagnosis.find("connection").status, "ok");
  });
}

Deno.test("after a refusal at the URL the metadata is looked at, after a web page it is not", async () => {
  const busy: Lies = { "/mcp": () => new Response(null, { status: 503 }) };
  assert.equal((await diagnose(createFakeServer(), { lies: busy })).outcome("pkce"), "ok");
  const lies: Lies = { "/mcp": () => page(200) };
  assert.equal((await diagnose(createFakeServer(), { lies })).outcome("pkce"), "skipped");
});

for (const path of ["/", "/mcp/", "/wrong"]) {
  Deno.test(`the doctor finds the endpoint of a server given as ${path}`, async () => {
    const url = `http://localhost:8000${path}`;
    const { text, outcome } = await diagnose(createFakeServer(), { url });
    assert.equal(outcome("endpoint"), "not_mcp");
    assert.match(text, /Use http:\/\/localhost:8000\/mcp: there is one\./);
  });
}

Deno.test("an endpoint without metadata is found by the end of its address", async () => {
  const server = createFakeServer();
  server.faults.noMetadata = true;
  const { text } = await diagnose(server, { url: "http://localhost:8000" });
  assert.match(text, /Use http:\/\/localhost:8000\/mcp: there is one\./);
});

Deno.test("a server cannot make the doctor recommend another one", async () => {
  const { text } = await diagnose(createFakeServer(), {
    url: "http://localhost:8000/wrong",
    lies: {
      "/mcp": () => page(404),
      "/.well-known/oauth-protected-resource": () =>
        Response.json({ resource: "https://evil.example/evil" }),
      "/evil": () => challenge("Bearer"),
    },
  });
  assert.doesNotMatch(text, /evil\.example/);
  assert.match(text, /Check the address; it often ends in \/mcp\./);
});

Deno.test("an address of the old HTTP+SSE transport is recognized", async () => {
  const { text, outcome } = await diagnose(createFakeServer(), {
    url: "http://localhost:8000/sse",
    lies: { "/mcp": () => page(404) },
  });
  assert.equal(outcome("endpoint"), "not_mcp");
  assert.match(text, /HTTP\+SSE transport of 2024/);
});

Deno.test("a redirect that keeps a message is followed within the server, and reported", async () => {
  const server = createFakeServer();
  const { exitCode, find, outcome } = await diagnose(server, {
    url: "http://localhost:8000/old",
    lies: { "/old": () => redirect(308, "/mcp") },
  });
  assert.equal(outcome("endpoint"), "redirected");
  assert.equal(find("endpoint").status, "warning");
  // The metadata is for /mcp, so that a sign-in for /old fails.
  assert.equal(outcome("resource_metadata"), "resource_mismatch");
  assert.equal(exitCode, 3);
});

Deno.test("redirects in a circle end", async () => {
  const { requests, outcome } = await diagnose(createFakeServer(), {
    lies: { "POST /mcp": () => redirect(307, "/mcp") },
  });
  assert.equal(outcome("endpoint"), "not_mcp");
  assert(requests.length < 40, requests.join());
});

for (const [name, answer] of [["none", undefined], ["Basic", 'Basic realm="x"']] as const) {
  Deno.test(`a 401 with the challenge ${name} is a warning`, async () => {
    const { exitCode, find, outcome } = await diagnose(createFakeServer(), {
      lies: {
        "/mcp": () =>
          answer === undefined ? new Response(null, { status: 401 }) : challenge(answer),
      },
    });
    assert.equal(outcome("endpoint"), "no_challenge");
    assert.match(find("endpoint").seen, answer === undefined ? /without a challenge/ : /Basic/);
    assert.equal(outcome("resource_metadata"), "ok");
    assert.equal(exitCode, 0);
  });
}

Deno.test("an answer without end is not read to its end", async () => {
  let sent = 0;
  const { outcome } = await diagnose(createFakeServer(), {
    lies: {
      "/mcp": () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              sent += 1024;
              controller.enqueue(new Uint8Array(1024).fill(32));
            },
          }),
          { headers: { "content-type": "application/json" } },
        ),
    },
  });
  assert.equal(outcome("endpoint"), "not_mcp");
  assert(sent < 1_000_000, String(sent));
});

Deno.test("an answer that breaks off is judged by its beginning", async () => {
  const { outcome } = await diagnose(createFakeServer(), {
    lies: {
      "/mcp": () =>
        new Response(
          new ReadableStream({ pull: (controller) => controller.error(new TypeError("gone")) }),
          { headers: { "content-type": "application/json" } },
        ),
    },
  });
  assert.equal(outcome("endpoint"), "not_mcp");
});
