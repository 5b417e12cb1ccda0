import assert from "node:assert/strict";
import { OAuthError, UnavailableError } from "../../lib/errors.ts";
import { isPublicAddress } from "../../lib/oauth/public_address.ts";
import { createSafeFetch, type SafeFetchOptions } from "../../lib/oauth/safe_fetch.ts";
import { testNeeding } from "../support/needs.ts";
import { PROCESS_NEEDS, startServerProcess } from "../support/server_process.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "../support/test_certificate.ts";

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "93.184.215.14",
  "172.15.255.255",
  "172.32.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "169.253.255.255",
  "192.167.255.255",
  "2606:4700:4700::1111",
  "2a00:1450:4001:82b::200e",
  "2001:4860:4860::8888",
];

const NOT_PUBLIC = [
  // This machine, in every spelling.
  "127.0.0.1",
  "127.255.255.254",
  "127.1",
  "0177.0.0.1",
  "0x7f.0.0.1",
  "0x7f000001",
  "2130706433",
  "017700000001",
  "::1",
  "0:0:0:0:0:0:0:1",
  // Private, shared, link-local: the cloud's metadata service among them.
  "10.0.0.1",
  "10.255.255.255",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.0.1",
  "100.64.0.1",
  "100.127.255.255",
  "169.254.169.254",
  "fc00::1",
  "fd00:ec2::254",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  // Unspecified, multicast, broadcast, reserved, documentation, benchmarking.
  "0.0.0.0",
  "0.1.2.3",
  "::",
  "224.0.0.1",
  "239.255.255.255",
  "ff02::1",
  "255.255.255.255",
  "240.0.0.1",
  "192.0.0.8",
  "192.0.2.1",
  "192.88.99.1",
  "198.18.0.1",
  "198.51.100.1",
  "203.0.113.1",
  "100::1",
  "2001:db8::1",
  "2001:2::1",
  "3fff::1",
  "4000::1",
  "5f00::1",
  // An IPv4 address inside an IPv6 one: mapped, compatible, translated.
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:10.0.0.1",
  "::ffff:8.8.8.8",
  "::127.0.0.1",
  "::7f00:1",
  "::ffff:0:127.0.0.1",
  // NAT64, well-known and local.
  "64:ff9b::127.0.0.1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::10.0.0.1",
  "64:ff9b:1:ffff::1",
  // 6to4, Teredo, ISATAP.
  "2002:7f00:1::",
  "2002:a00:1::1",
  "2002:c0a8:101::1",
  "2001::1",
  "2001:0:4136:e378:8000:63bf:3fff:fdd2",
  "2a00::5efe:10.0.0.1",
  "2a00::200:5efe:10.0.0.1",
  // No addresses.
  "",
  "localhost",
  "256.0.0.1",
  "1.2.3.4.5",
  "::g",
  "8.8.8.8:80",
];

Deno.test("only addresses of the public internet are public (AS-22, SSRF-1)", () => {
  assert.ok(NOT_PUBLIC.length >= 30);
  for (const address of PUBLIC) assert.equal(isPublicAddress(address), true, address);
  for (const address of NOT_PUBLIC) assert.equal(isPublicAddress(address), false, address);
});

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
  "a name that changes its address is asked once (DNS rebinding)",
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

testNeeding({ net: true }, "no connection is made to a private address", async () => {
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

testNeeding({ net: true }, "redirects are answered, not followed", async () => {
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
  "http is for loopback, and only where the setting allows it",
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

testNeeding(
  PROCESS_NEEDS,
  "a running server reads a document on loopback if it was told to",
  async () => {
    const server = Deno.serve(
      { hostname: PRIVATE, port: 0, onListen() {} },
      ({ url }) =>
        Response.json({
          client_id: url,
          client_name: "Local App",
          redirect_uris: ["http://127.0.0.1/callback"],
        }),
    );
    const query = new URLSearchParams({
      client_id: `http://127.0.0.1:${server.addr.port}/client.json`,
      redirect_uri: "http://127.0.0.1:4567/callback",
      response_type: "code",
      code_challenge: "x".repeat(43),
      code_challenge_method: "S256",
    });
    for (const allowed of ["true", "false"]) {
      await using running = await startServerProcess({ ALLOW_LOOPBACK_CLIENT_METADATA: allowed });
      const response = await fetch(`${running.url}/authorize?${query}`, {
        headers: { accept: "text/html" },
      });
      const page = await response.text();
      assert.equal(response.status, allowed === "true" ? 200 : 400, page);
      assert.match(page, allowed === "true" ? /Allow Local App\?/ : /client_id is not https/);
    }
    await server.shutdown();
  },
);
