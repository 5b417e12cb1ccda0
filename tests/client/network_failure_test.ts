import assert from "node:assert/strict";
import { createCheckedFetch, createNetworkFetch } from "../../lib/client/checked_fetch.ts";
import { setDeadline } from "../../lib/client/deadline.ts";
import { createOAuthFetch } from "../../lib/client/oauth_fetch.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import { AUTHORITY, CERTIFICATES, KEY } from "../support/bad_certificates.ts";
import { testNeeding } from "../support/needs.ts";
import { findFreePort } from "../support/server_process.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "../support/test_certificate.ts";

/** Asks an address and returns what went wrong. */
async function fail(url: string, client?: Deno.HttpClient): Promise<CommandError> {
  const networkFetch = createNetworkFetch({
    fetch: (input, init) => fetch(input, client ? { ...init, client } : init),
    log: silentLog,
    setDeadline,
    signal: new AbortController().signal,
  });
  try {
    await (await networkFetch(url)).body?.cancel();
  } catch (error) {
    assert(error instanceof CommandError);
    assert.equal(error.exitCode, ExitCode.unreachable);
    return error;
  }
  assert.fail(`${url} answered`);
}

const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
const answer = () => new Response("hello");

/** The words of Deno's TLS library are no contract: these tests notice when they change. */
const certificates: [keyof typeof CERTIFICATES, string, RegExp][] = [
  ["expired", "certificate_expired", /ran out on 2021-01-01/],
  ["notYetValid", "certificate_not_yet_valid", /valid from 2100-01-01 only\. .*clock/],
  ["wrongName", "certificate_wrong_name", /is for other\.test\. Use that name/],
];
for (const [name, code, message] of certificates) {
  testNeeding({ net: true }, `a server with the certificate ${name} says so`, async () => {
    await using server = Deno.serve({ ...listen, cert: CERTIFICATES[name], key: KEY }, answer);
    using client = Deno.createHttpClient({ caCerts: [AUTHORITY] });
    const error = await fail(`https://localhost:${server.addr.port}/`, client);
    assert.equal(error.code, code);
    assert.match(error.message, message);
  });
}

const strangers: [string, string, string][] = [
  ["an unknown authority", CERTIFICATES.good, KEY],
  ["nobody but itself", TEST_CERTIFICATE, TEST_KEY],
];
for (const [name, cert, key] of strangers) {
  testNeeding({ net: true }, `a certificate signed by ${name} is not trusted`, async () => {
    await using server = Deno.serve({ ...listen, cert, key }, answer);
    const error = await fail(`https://localhost:${server.addr.port}/`);
    assert.equal(error.code, "certificate_untrusted");
    assert.match(error.message, /DENO_CERT/);
  });
}

testNeeding({ net: true }, "http spoken to https, and the other way round, is told", async () => {
  await using plain = Deno.serve(listen, answer);
  const notTls = await fail(`https://127.0.0.1:${plain.addr.port}/`);
  assert.equal(notTls.code, "not_tls");
  assert.match(notTls.message, new RegExp(`use http://127.0.0.1:${plain.addr.port}\\.`));
  await using secure = Deno.serve({ ...listen, cert: CERTIFICATES.good, key: KEY }, answer);
  const notHttp = await fail(`http://127.0.0.1:${secure.addr.port}/`);
  assert.equal(notHttp.code, "not_http");
  assert.match(notHttp.message, new RegExp(`use https://127.0.0.1:${secure.addr.port}\\.`));
});

testNeeding({ net: true }, "a name that is not known is told from a closed port", async () => {
  assert.equal((await fail("https://nobody.invalid/")).code, "unknown_host");
  const closed = await fail(`http://127.0.0.1:${findFreePort()}/`);
  assert.equal(closed.code, "unreachable");
  assert.match(closed.message, /nothing listens there/);
});

testNeeding({ net: true }, "a server that hangs up without an answer is told", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hangUp = async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(1024));
    connection.close();
  };
  const [failure] = await Promise.all([
    fail(`http://127.0.0.1:${listener.addr.port}/`),
    hangUp(),
  ]);
  assert.match(failure.message, /: it ended the connection without an answer\. Try again later\.$/);
});

testNeeding({ net: true }, "an authorization server that is away is named as one", async () => {
  const port = findFreePort();
  const oauthFetch = createOAuthFetch({
    fetch,
    log: silentLog,
    setDeadline,
    signal: new AbortController().signal,
    serverUrl: new URL("https://mcp.example.com/mcp"),
  });
  await assert.rejects(oauthFetch(`http://127.0.0.1:${port}/token`), {
    message: `The authorization server of https://mcp.example.com, http://127.0.0.1:${port}, ` +
      "cannot be reached: nothing listens there. Try again later, or tell whoever runs " +
      "https://mcp.example.com.",
  });
});

/** What a message to the MCP endpoint meets. */
async function post(response: Response): Promise<Response> {
  const checkedFetch = createCheckedFetch({
    fetch: () => Promise.resolve(response),
    log: silentLog,
    setDeadline,
    signal: new AbortController().signal,
  });
  return await checkedFetch("https://mcp.example.com/mcp?secret=1", { method: "POST" });
}

const page = (status: number) =>
  new Response("<h1>hi</h1>", { status, headers: { "content-type": "text/html" } });
const redirect = (status: number, location: string) =>
  new Response(null, { status, headers: { location } });

Deno.test("a web page in place of an MCP endpoint is told", async () => {
  for (const status of [200, 404, 405]) {
    await assert.rejects(post(page(status)), (error: Error) => {
      assert.match(error.message, /^https:\/\/mcp\.example\.com\/mcp answers with a web page/);
      return true;
    });
  }
});

Deno.test("a page with a 401 or an outage is left to those who know what to do", async () => {
  for (const status of [401, 403, 502]) assert.equal((await post(page(status))).status, status);
});

Deno.test("a redirect to another place is told, without what is in its query", async () => {
  await assert.rejects(post(redirect(302, "https://login.example/start?secret=1")), {
    code: "redirected",
    message: "https://mcp.example.com/mcp sends its visitors to https://login.example/start. " +
      "If you trust that address and it is an MCP endpoint, use it instead.",
  });
  await assert.rejects(post(redirect(301, "/other")), { code: "redirected" });
  await assert.rejects(post(redirect(308, "https://other.example/")), { code: "redirected" });
});

Deno.test("a redirect that a message may follow is passed on", async () => {
  assert.equal((await post(redirect(307, "/other"))).status, 307);
});
