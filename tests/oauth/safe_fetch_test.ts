import assert from "node:assert/strict";
import { OAuthError, UnavailableError } from "../../lib/errors.ts";
import { createSafeFetch, type SafeFetchOptions } from "../../lib/oauth/safe_fetch.ts";
import { testNeeding } from "../support/needs.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "../support/test_certificate.ts";

const HOST = "documents.test";
/** Loopback addresses stand in for the public one that was checked and the private one that was not. */
const CHECKED = "127.0.0.2";
const PRIVATE = "127.0.0.1";

function listen(
  hostname: string,
  handler: (request: Request) => Response | Promise<Response>,
  port = 0,
) {
  const requests: string[] = [];
  const server = Deno.serve(
    { hostname, port, cert: TEST_CERTIFICATE, key: TEST_KEY, onListen() {} },
    (request) => {
      requests.push(`${request.url} for ${request.headers.get("host")}`);
      return handler(request);
    },
  );
  return {
    requests,
    url: new URL(`https://${HOST}:${server.addr.port}/client.json?v=1`),
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function createFetch(options: Partial<SafeFetchOptions> = {}) {
  return createSafeFetch({
    lookup: () => Promise.resolve([{ address: CHECKED }]),
    allowLoopback: false,
    isAllowed: (address) => address !== PRIVATE,
    ca: TEST_CERTIFICATE,
    ...options,
  });
}

async function failureOf(work: Promise<Response>): Promise<UnavailableError> {
  const error = await work.then(() => undefined, (error) => error);
  assert.ok(error instanceof UnavailableError, String(error));
  assert.equal(error.code, "client_metadata_unavailable");
  assert.match(error.message, /^[\w.:]+ does not answer at a public address\.$/);
  return error;
}

testNeeding(
  { net: true },
  "the connection goes to the checked address, under the name",
  async () => {
    await using server = listen(CHECKED, () => Response.json({ ok: true }));
    const response = await createFetch()(server.url, 1000);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.deepEqual(await response.json(), { ok: true });
    assert.deepEqual(server.requests, [`${server.url.href} for ${server.url.host}`]);
  },
);

testNeeding(
  { net: true },
  "a name that changes its address is asked once (DNS rebinding, SSRF-1)",
  async () => {
    await using checked = listen(CHECKED, () => new Response("checked"));
    await using internal = listen(PRIVATE, () => new Response("internal"), checked.port);
    let lookups = 0;
    const lookup = () => Promise.resolve([{ address: lookups++ === 0 ? CHECKED : PRIVATE }]);
    const response = await createFetch({ lookup })(checked.url, 1000);
    assert.equal(await response.text(), "checked");
    assert.equal(lookups, 1);
    assert.equal(internal.requests.length, 0);
  },
);

// fastmcp 5de15e0c2, fastmcp c1b0396c0: addresses that carry a private one passed for public.
testNeeding({ net: true }, "no connection is made to a private address (SSRF-1)", async () => {
  await using internal = listen(PRIVATE, () => new Response("internal"));
  const lookup = () => Promise.resolve([{ address: PRIVATE }]);
  const error = await failureOf(createFetch({ lookup })(internal.url, 1000));
  assert.match(String(error.cause), /No public address: 127\.0\.0\.1/);
  const real = createSafeFetch({ lookup, allowLoopback: false, ca: TEST_CERTIFICATE });
  await failureOf(real(internal.url, 1000));
  assert.equal(internal.requests.length, 0);
});

testNeeding({ net: true }, "of several addresses the allowed ones are tried in turn", async () => {
  await using checked = listen(CHECKED, () => new Response("checked"));
  await using internal = listen(PRIVATE, () => new Response("internal"), checked.port);
  const lookup = () =>
    Promise.resolve([{ address: PRIVATE }, { address: "127.0.0.3" }, { address: CHECKED }]);
  const response = await createFetch({ lookup })(checked.url, 1000);
  assert.equal(await response.text(), "checked");
  assert.equal(internal.requests.length, 0);
});

testNeeding({ net: true }, "the certificate has to be the name's", async () => {
  await using server = listen(CHECKED, () => new Response("no"));
  const other = new URL(`https://other.test:${server.port}/client.json`);
  await failureOf(createFetch()(other, 1000));
  const system = createSafeFetch({
    lookup: () => Promise.resolve([{ address: CHECKED }]),
    allowLoopback: false,
    isAllowed: () => true,
  });
  await failureOf(system(server.url, 1000));
  assert.equal(server.requests.length, 0);
});

testNeeding({ net: true }, "redirects are answered, not followed (SSRF-1)", async () => {
  await using server = listen(CHECKED, ({ url }) => Response.redirect(`${url}&again`, 302));
  const response = await createFetch()(server.url, 1000);
  assert.equal(response.status, 302);
  assert.equal(response.body, null);
  assert.equal(server.requests.length, 1);
});

testNeeding({ net: true }, "reading stops at the limit (AS-13)", async () => {
  const stopped = Promise.withResolvers<void>();
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1024)),
        cancel: () => stopped.resolve(),
      }),
    );
  await using server = listen(
    CHECKED,
    (request) => request.url.endsWith("fits") ? new Response("x".repeat(5120)) : endless(),
  );
  const fits = await createFetch()(new URL(`${server.url}fits`), 5120);
  assert.equal((await fits.text()).length, 5120);
  await assert.rejects(
    createFetch()(server.url, 5120),
    (error) => error instanceof OAuthError && /larger than 5120 bytes/.test(error.message),
  );
  await stopped.promise;
});

testNeeding(
  { net: true },
  "a slow name and a dripping server are left at the time limit",
  async () => {
    const drops = Promise.withResolvers<void>();
    await using server = listen(CHECKED, () => {
      let timer: ReturnType<typeof setInterval>;
      return new Response(
        new ReadableStream({
          start: (controller) =>
            void (timer = setInterval(() => controller.enqueue(new Uint8Array(1)), 5)),
          cancel() {
            clearInterval(timer);
            drops.resolve();
          },
        }),
      );
    });
    const timeout = 150;
    const slow = await failureOf(createFetch({ timeout })(server.url, 1_000_000));
    assert.match(String(slow.cause), /abort/i);
    await drops.promise;
    await failureOf(
      createFetch({ timeout, lookup: () => new Promise(() => {}) })(server.url, 1000),
    );
  },
);

testNeeding({ net: true }, "an unknown name and a closed port are not told apart", async () => {
  const url = new URL(`https://${HOST}:1/client.json`);
  const lookup = () => Promise.reject(new Error("ENOTFOUND"));
  const unknown = await failureOf(createFetch({ lookup })(url, 1000));
  const closed = await failureOf(createFetch()(url, 1000));
  assert.equal(unknown.message, closed.message);
});

testNeeding(
  { net: true },
  "http is for loopback, and only where the setting allows it (SSRF-1)",
  async () => {
    let requests = 0;
    const server = Deno.serve({ hostname: PRIVATE, port: 0, onListen() {} }, () => {
      requests++;
      return new Response("here");
    });
    const url = (host: string) => new URL(`http://${host}:${server.addr.port}/client.json`);
    const lookup = () => Promise.resolve([{ address: PRIVATE }]);
    const development = createFetch({ lookup, allowLoopback: true });
    for (const host of ["localhost", "127.0.0.1"]) {
      assert.equal(await (await development(url(host), 1000)).text(), "here");
      await failureOf(createFetch({ lookup })(url(host), 1000));
    }
    await failureOf(development(url("intranet.test"), 1000));
    const elsewhere = createFetch({
      allowLoopback: true,
      lookup: () => Promise.resolve([{ address: "8.8.8.8" }]),
    });
    await failureOf(elsewhere(url("localhost"), 1000));
    assert.equal(requests, 2);
    await server.shutdown();
  },
);

// fastmcp 2899ffb6f: a checked address meant nothing behind a proxy, which resolves the name again.
testNeeding(
  { net: true, env: true },
  "a proxy of the environment is not asked, whatever it is set for",
  async () => {
    await using server = listen(CHECKED, () => new Response("direct"));
    using proxy = Deno.listen({ hostname: PRIVATE, port: 0 });
    let asked = false;
    proxy.accept().then((connection) => {
      asked = true;
      connection.close();
    }, () => {
      // The listener was closed at the end of the test, and nobody had come.
    });
    const url = `http://${PRIVATE}:${proxy.addr.port}`;
    const names = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy"];
    const settings = { NODE_USE_ENV_PROXY: "1", ...Object.fromEntries(names.map((n) => [n, url])) };
    const before = Object.keys(settings).map((name) => [name, Deno.env.get(name)] as const);
    for (const [name, value] of Object.entries(settings)) Deno.env.set(name, value);
    try {
      const response = await createFetch()(server.url, 1000);
      assert.equal(await response.text(), "direct");
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
    }
    assert.equal(asked, false);
  },
);

// fastmcp 53b20168c: HTTP clients were made for each request and never closed.
testNeeding({ net: true }, "no connection outlives its answer, whatever that is", async () => {
  using listener = Deno.listenTls({
    hostname: CHECKED,
    port: 0,
    cert: TEST_CERTIFICATE,
    key: TEST_KEY,
  });
  const url = new URL(`https://${HOST}:${listener.addr.port}/client.json`);
  // Only a body that never comes may wait for the limit of time.
  const patient = 3_600_000;
  const answers: [string, number][] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}", patient],
    [`HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n${"x".repeat(9000)}`, patient],
    ["HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnever", patient],
    ["HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n", patient],
    ["no HTTP at all\r\n\r\n", patient],
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 150],
  ];
  for (const [answer, timeout] of answers) {
    const served = (async () => {
      const connection = await listener.accept();
      const buffer = new Uint8Array(4096);
      await connection.read(buffer);
      await connection.write(new TextEncoder().encode(answer));
      // Ends only when the other side has closed.
      while (await connection.read(buffer).catch(() => null) !== null);
      connection.close();
    })();
    await createFetch({ timeout })(url, 1000).catch(() => undefined);
    await served;
  }
});

testNeeding({ net: true }, "a host that changes to another protocol is left at once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ended = (async () => {
    const connection = await listener.accept();
    const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n";
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(answer));
    const length = await connection.read(new Uint8Array(1));
    connection.close();
    return length;
  })();
  const fetch = createSafeFetch({
    lookup: () => Promise.resolve([{ address: "127.0.0.1" }]),
    allowLoopback: true,
  });
  const { port } = listener.addr as Deno.NetAddr;
  await failureOf(fetch(new URL(`http://localhost:${port}/client.json`), 1000));
  assert.equal(await ended, null);
  listener.close();
});
