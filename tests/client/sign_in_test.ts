import assert from "node:assert/strict";
import { createAuthorizedFetch } from "../../lib/client/authorized_fetch.ts";
import { CommandError, ExitCode } from "../../lib/errors.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { createTestClient, failureOf, signIn } from "./support.ts";

const wrongIssuers: [string, (parameters: URLSearchParams) => void][] = [
  ["another iss", (parameters) => parameters.set("iss", "https://evil.example")],
  ["an iss with a slash more", (parameters) => parameters.set("iss", "http://localhost:8000/")],
  ["no iss though it was promised", (parameters) => parameters.delete("iss")],
  ["an error of another iss", (parameters) => {
    parameters.delete("code");
    parameters.set("iss", "https://evil.example");
    parameters.set("error", "call_us");
    parameters.set("error_description", "Call 555-EVIL now");
  }],
];
for (const [name, redirect] of wrongIssuers) {
  // CL-6, CL-7, CL-8: compared letter for letter, before anything is sent or said.
  Deno.test(`an answer with ${name} is neither used nor shown`, async () => {
    const server = createFakeServer();
    server.faults.redirect = redirect;
    const { context, pages, ports } = createTestClient(server);
    const failure = await failureOf(context);
    assert.equal(failure.code, "issuer_mismatch");
    assert.equal(failure.exitCode, ExitCode.notAuthorized);
    assert.equal(server.counts.codeExchanges, 0);
    assert.equal(pages[0]?.status, 400);
    const shown = failure.message + await pages[0]?.text();
    assert(!/evil/i.test(shown));
    assert.equal(ports.size, 0);
  });
}

// CVE-2025-62800: the page of the client ran what an error description held.
Deno.test("a declined sign-in is said in the terminal and in the browser, markup escaped", async () => {
  const server = createFakeServer();
  server.faults.redirect = (parameters) => {
    parameters.delete("code");
    parameters.set("error", "access_denied");
    parameters.set("error_description", "<script>alert(1)</script>\x1b[31mno");
  };
  const { context, pages } = createTestClient(server);
  const failure = await failureOf(context);
  assert.equal(failure.code, "access_denied");
  assert.equal(failure.exitCode, ExitCode.notAuthorized);
  assert(!failure.message.includes("\x1b"));
  const page = await pages[0]?.text() ?? "";
  assert(page.includes("&lt;script&gt;"));
  assert.match(
    failure.message,
    /^The sign-in was declined: .* Run this again to sign in after all\.$/,
  );
  assert.match(page, /go back to the terminal\./);
  assert(!page.includes("<script>"));
});

Deno.test("after a declined sign-in the same program does not open the browser again", async () => {
  const server = createFakeServer();
  server.faults.redirect = (parameters) => {
    parameters.delete("code");
    parameters.set("error", "access_denied");
  };
  const { context } = createTestClient(server);
  const authorizedFetch = createAuthorizedFetch(context);
  const send = () => authorizedFetch(context.serverUrl, { method: "POST" });
  await assert.rejects(send(), { code: "access_denied" });
  await assert.rejects(send(), { code: "access_denied" });
  assert.equal(server.counts.authorizations, 1);
});

// CL-36: `state` is verified.
Deno.test("an answer with a wrong state is turned away and the right one still counts", async () => {
  const server = createFakeServer();
  const { context, ports } = createTestClient(server);
  const { openBrowser, listen } = context;
  let handle: ((request: Request) => Promise<Response>) | undefined;
  context.listen = (handler, address) => {
    handle = handler;
    return listen(handler, address);
  };
  context.openBrowser = async (url) => {
    const forged = new URL("/callback?code=stolen&state=guessed", url);
    assert.equal((await handle?.(new Request(forged)))?.status, 400);
    await openBrowser?.(url);
  };
  await signIn(context);
  assert.equal(server.counts.codeExchanges, 1);
  assert.equal(ports.size, 0);
});

// mcp-remote#248: the browser was opened while nobody listened for its answer. Here the browser comes
// back to the port that it set out from.
Deno.test("the browser is given an address of ours, the person the real one", async () => {
  const server = createFakeServer();
  const { context, steps } = createTestClient(server);
  const { openBrowser } = context;
  let opened = "";
  context.openBrowser = (url) => {
    opened = url.href;
    return openBrowser?.(url) ?? Promise.resolve();
  };
  await signIn(context);
  assert.match(opened, /^http:\/\/127\.0\.0\.1:40000\/start\/[0-9a-f]{32}$/);
  const shown = steps.find(({ name }) => name === "authorization_url")?.text ?? "";
  assert(shown.startsWith("Sign in at: http://localhost:8000/authorize?"));
});

Deno.test("a browser that cannot be opened is said, and a pasted address does as well", async () => {
  const server = createFakeServer();
  const { context, steps } = createTestClient(server, {
    openBrowser: () => Promise.reject(new Error("The browser could not be opened: no xdg-open.")),
    async *readLines() {
      yield "";
      yield "what?";
      const shown = steps.find(({ name }) => name === "authorization_url")?.text ?? "";
      const response = await server.fetch(shown.replace("Sign in at: ", ""));
      yield `  ${response.headers.get("location")}  `;
    },
  });
  await signIn(context);
  assert.deepEqual(steps.map(({ name }) => name).slice(3), [
    "authorization_url",
    "browser_opened",
    "paste_invited",
    "sign_in_awaited",
    "browser_failed",
    "sign_in_awaited",
    "paste_rejected",
    "sign_in_awaited",
    "signed_in",
  ]);
});

Deno.test("nobody signing in ends with the time, and without a registration too many", async () => {
  const server = createFakeServer();
  const { context, ports } = createTestClient(server, {
    openBrowser: undefined,
    settings: { timeout: 1 },
  });
  for (let attempt = 0; attempt < 2; attempt++) {
    const failure = await failureOf(context);
    assert.equal(failure.code, "sign_in_timeout");
    assert.equal(failure.exitCode, ExitCode.notAuthorized);
    assert.equal(server.counts.registrations, 1);
    assert.equal(ports.size, 0);
  }
});

Deno.test("Ctrl-C during a sign-in closes the port and says so", async () => {
  const server = createFakeServer();
  const interrupt = new AbortController();
  const { context, ports } = createTestClient(server, {
    signal: interrupt.signal,
    openBrowser: () => {
      interrupt.abort(new CommandError("interrupted", "Interrupted.", 130));
      return Promise.resolve();
    },
  });
  assert.equal((await failureOf(context)).code, "interrupted");
  assert.equal(ports.size, 0);
});

Deno.test("a code that is refused is sent only once", async () => {
  const server = createFakeServer();
  server.faults.redirect = (parameters) => parameters.set("code", "made-up");
  const { context } = createTestClient(server);
  const failure = await failureOf(context);
  assert.equal(failure.code, "invalid_grant");
  assert.match(
    failure.message,
    /gives nothing for this sign-in \(invalid_grant\)\. Run this again/,
  );
  assert.equal(server.counts.codeExchanges, 1);
});

Deno.test("a sign-in that ends with an error code and no words names the code once", async () => {
  const server = createFakeServer();
  server.faults.redirect = (parameters) => {
    parameters.delete("code");
    parameters.set("error", "temporarily_unavailable");
  };
  const failure = await failureOf(createTestClient(server).context);
  assert.equal(
    failure.message,
    "The authorization server ended the sign-in (temporarily_unavailable). Try again later.",
  );
  assert.equal(failure.exitCode, ExitCode.unreachable);
});
