import assert from "node:assert/strict";
import { browserCommand, openBrowser } from "../../lib/client/browser.ts";

const URL_OF_OURS = new URL("http://127.0.0.1:4321/start/0123");

const commands = [
  ["darwin", "open", []],
  ["linux", "xdg-open", []],
  ["freebsd", "xdg-open", []],
  ["windows", "rundll32", ["url.dll,FileProtocolHandler"]],
] as const;
// openwiki#450, mcporter#242, claude-code#78248: `cmd /c start` ends at `&` and runs the rest.
for (const [os, program, args] of commands) {
  // CL-26: a program and its arguments, no shell.
  Deno.test(`on ${os} the browser is opened by ${program}, with the address as one word`, () => {
    assert.deepEqual(browserCommand(os, URL_OF_OURS), {
      program,
      args: [...args, URL_OF_OURS.href],
    });
  });
}

const foreign = [
  "https://as.example/authorize",
  "http://example.com/",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "http://user@127.0.0.1/start/0123",
];
// CVE-2025-6514: what a server named became part of a command.
for (const address of foreign) {
  // CL-26: no program gets what a server named.
  Deno.test(`${address} is never handed to a program`, async () => {
    const spawn = () => assert.fail("a program was run");
    await assert.rejects(openBrowser(new URL(address), { os: "linux", spawn }), TypeError);
  });
}

Deno.test("a browser that cannot be started is one sentence", async () => {
  const missing = () => Promise.reject(new Deno.errors.NotFound("no such file"));
  await assert.rejects(openBrowser(URL_OF_OURS, { os: "linux", spawn: missing }), {
    message:
      "The browser could not be opened: xdg-open cannot be run. Open the address above yourself.",
  });
  const failing = () => Promise.resolve(3);
  await assert.rejects(openBrowser(URL_OF_OURS, { os: "linux", spawn: failing }), {
    message: "The browser could not be opened: xdg-open failed. Open the address above yourself.",
  });
});
