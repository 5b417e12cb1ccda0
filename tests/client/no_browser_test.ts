import assert from "node:assert/strict";
import { join } from "node:path";
import type { Step } from "../../lib/client/context.ts";
import { adviseOnReturn } from "../../lib/client/return_advice.ts";
import { ExitCode } from "../../lib/errors.ts";
import { startClient } from "../support/client_process.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { createTestClient, send } from "./support.ts";

const failingBrowser = () => Promise.reject(new Error("The browser could not be opened."));

// opencode#36386, #23951, litellm#34848: a job without a person hung until it was killed.
Deno.test("without a terminal and a browser the sign-in ends at once and says what to do", async () => {
  const server = createFakeServer();
  const { context, ports, steps } = createTestClient(server, { openBrowser: failingBrowser });
  await assert.rejects(send(context), {
    code: "no_browser",
    exitCode: ExitCode.notAuthorized,
    message: /^http:\/\/localhost:8000\/mcp needs a sign-in.* in a terminal.*--no-browser/,
  });
  assert(steps.some(({ text }) => text.startsWith("Sign in at: http://localhost:8000/authorize?")));
  assert.equal(ports.size, 0);
});

Deno.test("a run that could not sign in leaves its registration to the next one", async () => {
  const server = createFakeServer();
  const { context } = createTestClient(server, { openBrowser: failingBrowser });
  await assert.rejects(send(context), { code: "no_browser" });
  const { context: later } = createTestClient(server, { cache: context.cache });
  assert.equal(await send(later), 200);
  assert.equal(server.counts.registrations, 1);
});

Deno.test("without a terminal another program may open the printed address", async () => {
  const server = createFakeServer();
  const client = createTestClient(server);
  const { openBrowser } = client.context;
  const onStep = ({ text }: { text: string }) => {
    const url = /^Sign in at: (.*)/.exec(text)?.[1];
    // It comes in its own time.
    if (url !== undefined) setTimeout(() => openBrowser?.(new URL(url)));
  };
  assert.equal(await send({ ...client.context, onStep, openBrowser: undefined }), 200);
});

const none = { env: () => undefined, fileExists: () => false };
const withEnv = (values: Record<string, string>) => ({
  ...none,
  env: (name: string) => values[name],
});
const REDIRECT = new URL("http://127.0.0.1:40000/callback");

const commands: [string, Record<string, string>, string][] = [
  ["the address of the connection", {
    SSH_CONNECTION: "192.0.2.7 50212 198.51.100.4 22",
    USER: "ada",
  }, "ssh -L 40000:127.0.0.1:40000 ada@198.51.100.4"],
  ["its port when it is not 22", {
    SSH_CONNECTION: "2001:db8::7 50212 2001:db8::4 2222",
    LOGNAME: "ada",
  }, "ssh -L 40000:127.0.0.1:40000 -p 2222 ada@2001:db8::4"],
  ["words to replace where nothing is known", {
    SSH_TTY: "/dev/pts/1",
  }, "ssh -L 40000:127.0.0.1:40000 USER@HOST"],
  ["nothing a shell would run", {
    SSH_CONNECTION: "x x $(reboot) ;reboot",
    USER: "a;reboot",
  }, "ssh -L 40000:127.0.0.1:40000 USER@HOST"],
];
// codex#8835, hermes-agent#32053, mcp-remote#228
for (const [name, env, command] of commands) {
  Deno.test(`over SSH the command that forwards the port is shown, with ${name}`, () => {
    assert.equal(adviseOnReturn(REDIRECT, false, withEnv(env))?.split(" on: ").at(-1), command);
  });
}

Deno.test("containers and WSL get a sentence of their own, a desktop none", () => {
  const inDocker = { ...none, fileExists: (path: string) => path === "/.dockerenv" };
  assert.match(
    adviseOnReturn(REDIRECT, false, inDocker) ?? "",
    /--network host.*127\.0\.0\.1:40000/,
  );
  assert.match(
    adviseOnReturn(REDIRECT, false, withEnv({ container: "podman" })) ?? "",
    /container/,
  );
  assert.match(
    adviseOnReturn(REDIRECT, false, withEnv({ WSL_DISTRO_NAME: "Debian" })) ?? "",
    /wslu/,
  );
  assert.equal(adviseOnReturn(REDIRECT, false, none), undefined);
});

Deno.test("the advice comes right after the address to open", async () => {
  const server = createFakeServer();
  const { context, steps } = createTestClient(server, {
    isAttended: true,
    adviseOnReturn: (url) => `Forward ${url.port}.`,
  });
  await send(context);
  const at = steps.findIndex(({ name }) => name === "authorization_url");
  assert.deepEqual(steps[at + 1], { name: "remote_session", text: "Forward 40000." });
});

Deno.test("in a container advice is for those whose browser does not open here", async () => {
  const surroundings = withEnv({ container: "podman", WSL_DISTRO_NAME: "Debian" });
  assert.equal(adviseOnReturn(REDIRECT, true, surroundings), undefined);
  const adviceIn = async (openBrowser: (url: URL) => Promise<void>) => {
    const server = createFakeServer();
    const { context, steps } = createTestClient(server, {
      isAttended: true,
      settings: { timeout: 1 },
      adviseOnReturn: (url, isBrowserOpen) =>
        adviseOnReturn(url, isBrowserOpen, withEnv({ container: "podman" })),
      openBrowser,
    });
    await assert.rejects(send(context), { code: "sign_in_timeout" });
    return steps.map(({ name }) => name).slice(3);
  };
  assert.deepEqual(await adviceIn(() => Promise.resolve()), [
    "authorization_url",
    "browser_opened",
    "sign_in_awaited",
  ]);
  assert.deepEqual(await adviceIn(failingBrowser), [
    "authorization_url",
    "browser_opened",
    "sign_in_awaited",
    "browser_failed",
    "remote_session",
    "sign_in_awaited",
  ]);
});

Deno.test("with a terminal a browser that does not open is no end, though input is a pipe", async () => {
  const server = createFakeServer();
  const client = createTestClient(server);
  const { openBrowser } = client.context;
  const onStep = ({ name, text }: Step) => {
    client.steps.push({ name, text });
    // The person opens it, having read that.
    if (name === "browser_failed") {
      const url = client.steps.find(({ name }) => name === "authorization_url")?.text;
      setTimeout(() => openBrowser?.(new URL(url?.replace("Sign in at: ", "") ?? "")));
    }
  };
  const context = { ...client.context, onStep, isAttended: true, openBrowser: failingBrowser };
  assert.equal(await send(context), 200);
});

/** Runs the command line against a server on a port, without a terminal. */
function testProcess(
  name: string,
  fn: (serverUrl: string, directory: string) => Promise<void>,
): void {
  testNeeding({ env: true, net: true, read: true, run: true, write: true }, name, async () => {
    const http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => server.handle(request),
    );
    const server = createFakeServer(`http://127.0.0.1:${http.addr.port}`);
    try {
      await withTempDirectory(async (directory) => {
        await fn(server.url, directory);
      });
    } finally {
      await http.shutdown();
    }
  });
}

testProcess("a program without a terminal and a browser exits 3, not later", async (url, cache) => {
  const env = { PATH: cache, SSH_CONNECTION: "192.0.2.7 1 198.51.100.4 22", USER: "ada" };
  const { code, stderr } = await startClient([url, "--json"], { cache, env }).ended;
  assert.equal(code, 3, stderr);
  const lines = stderr.trimEnd().split("\n");
  assert.equal(JSON.parse(lines.at(-1) ?? "").error.code, "no_browser");
  assert.match(stderr, /^Sign in at: http:\/\/127\.0\.0\.1:\d+\/authorize\?/m);
  // It is too late for any of that.
  assert.doesNotMatch(stderr, /ssh -L|paste|yourself|Waiting/);
});

if (Deno.build.os === "linux") {
  testProcess("a browser that was started is waited for", async (url, directory) => {
    // Comes back a moment after the program that opened it has ended, as browsers do.
    const script = `#!/bin/sh
"${Deno.execPath()}" eval "await fetch(Deno.args[0])" "$1" &
`;
    await Deno.writeTextFile(join(directory, "xdg-open"), script, { mode: 0o755 });
    const env = { PATH: directory };
    const { code, stderr } = await startClient([url], { cache: join(directory, "cache"), env })
      .ended;
    assert.equal(code, 0, stderr);
  });
}
