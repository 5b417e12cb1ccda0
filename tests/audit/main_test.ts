/** `deno task audit-schemas`, as a process. */

import assert from "node:assert/strict";
import { AUDIT_SCHEMAS } from "../../lib/audit/audit_schemas.ts";
import { createEmulator } from "../../lib/workos/emulator/emulator.ts";
import { testNeeding } from "../support/needs.ts";

const NEEDS = { net: true, read: true, run: true, env: true } as const;

async function run(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=audit-schemas", "lib/audit/main.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1", ...env },
  }).output();
  const read = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: read(stdout), stderr: read(stderr) };
}

testNeeding(NEEDS, "the schemas of the audit log are printed for the dashboard", async () => {
  const { code, stdout } = await run([]);
  assert.equal(code, 0);
  const schemas: { action: string }[] = JSON.parse(stdout);
  assert.deepEqual(schemas.map(({ action }) => action), AUDIT_SCHEMAS.map(({ action }) => action));
});

testNeeding(NEEDS, "the schemas are registered, and what is there stays as it is", async () => {
  const serve = Promise.withResolvers<(request: Request) => Promise<Response>>();
  const listener = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => await (await serve.promise)(request),
  );
  const origin = `http://127.0.0.1:${listener.addr.port}`;
  const emulator = createEmulator({ origin, now: Date.now, redirectUris: [] });
  serve.resolve(emulator.fetch);
  const env = {
    WORKOS_CLIENT_ID: "client_emulator",
    WORKOS_API_KEY: "sk_test_emulator",
    WORKOS_API_URL: origin,
  };
  try {
    const first = await run(["--register"], env);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /mcp\.tool\.called: registered/);
    const second = await run(["--register"], env);
    assert.match(second.stdout, /mcp\.tool\.called: was there/);
    for (const { action } of AUDIT_SCHEMAS) {
      assert.equal(emulator.auditLog.listSchemas(action).length, 1);
    }
    const refused = await run(["--register"], { ...env, WORKOS_API_KEY: "sk_test_wrong" });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /WorkOS refuses the API key/);
  } finally {
    await listener.shutdown();
  }
});

testNeeding(NEEDS, "what is missing or misspelt is said", async () => {
  const none = await run(["--register"], { WORKOS_CLIENT_ID: "", WORKOS_API_KEY: "" });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /WORKOS_CLIENT_ID and WORKOS_API_KEY are not set/);
  const usage = await run(["--regster"]);
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /^Usage: deno task audit-schemas/);
});
