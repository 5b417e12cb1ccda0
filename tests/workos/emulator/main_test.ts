import assert from "node:assert/strict";
import { testNeeding } from "../../support/needs.ts";

const MAIN = new URL("../../../lib/workos/emulator/main.ts", import.meta.url);

function startMain(...parameters: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--allow-net=127.0.0.1", MAIN.href, ...parameters],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** A port that was free a moment ago. */
function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const needs = { net: true, read: true, run: true } as const;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  testNeeding(
    needs,
    `the emulator says how to use it, answers, and stops on ${signal}`,
    async () => {
      const port = findFreePort();
      const child = startMain(String(port));
      const [text, rest] = child.stdout.tee();
      const reader = text.pipeThrough(new TextDecoderStream()).getReader();
      const { value = "" } = await reader.read();
      assert.match(value, new RegExp(`WORKOS_API_URL=http://localhost:${port}\\n`));
      assert.match(value, /WORKOS_CLIENT_ID=client_emulator\n.*WORKOS_API_KEY=sk_test_emulator/);
      assert.match(value, /alice@acme\.test +admin of Acme/);
      const response = await fetch(`http://localhost:${port}/sso/jwks/client_emulator`);
      assert.equal((await response.json()).keys.length, 1);
      child.kill(signal);
      await Promise.all([reader.cancel(), rest.cancel(), child.stderr.cancel()]);
      assert.equal((await child.status).code, 0);
    },
  );
}

testNeeding(
  needs,
  "the emulator posts events to a program on this machine, and says so",
  async () => {
    const received = Promise.withResolvers<string>();
    await using application = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        received.resolve(request.headers.get("workos-signature") ?? "");
        return new Response();
      },
    );
    const url = `http://127.0.0.1:${application.addr.port}/webhooks/workos`;
    const port = findFreePort();
    const child = startMain(String(port), url);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value: described = "" } = await reader.read();
    assert.match(described, /\n {2}WORKOS_WEBHOOK_SECRET=whsec_emulator\n/);
    assert.ok(described.includes(`Events are posted to ${url}\n`));
    const response = await fetch(`http://localhost:${port}/user_management/users/user_dave`, {
      method: "DELETE",
      headers: { authorization: "Bearer sk_test_emulator" },
    });
    assert.equal(response.status, 204);
    const signature = await received.promise;
    assert.match(signature, /^t=\d+, v1=[0-9a-f]{64}$/);
    const { value: reported = "" } = await reader.read();
    assert.match(reported, /^Webhook user\.deleted \(event_\w+\), attempt 1: 200\n$/);
    child.kill("SIGINT");
    await Promise.all([reader.cancel(), child.stderr.cancel()]);
    assert.equal((await child.status).code, 0);
  },
);

testNeeding(needs, "a port in use ends the emulator with one sentence", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const { code, stdout, stderr } = await startMain(String(port)).output();
  assert.equal(code, 2);
  assert.equal(stdout.length, 0);
  assert.equal(
    new TextDecoder().decode(stderr),
    `Port ${port} is in use: stop what listens there, or name another port, ` +
      `deno task emulator ${port + 1}\n`,
  );
});

testNeeding(needs, "arguments that are not right end the emulator with its usage", async () => {
  const local = "http://127.0.0.1:8000/webhooks/workos";
  const refused = [
    ["x"],
    ["0"],
    ["65536"],
    ["4100", "more"],
    ["4100", "http://example.com/webhooks/workos"],
    ["4100", "http://localhost.example.com/"],
    ["4100", "https://localhost/"],
    ["4100", local, "more"],
    [local],
  ];
  for (const parameters of refused) {
    const { code, stderr } = await startMain(...parameters).output();
    assert.equal(code, 2);
    assert.equal(
      new TextDecoder().decode(stderr),
      "Usage: deno task emulator [PORT] [WEBHOOK_URL]\n" +
        "WEBHOOK_URL begins with http://localhost or http://127.0.0.1.\n",
    );
  }
});
