/** When telemetry is on, and that only the server's ever is. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readConfig } from "../../lib/config.ts";
import { SettingsError } from "../../lib/errors.ts";
import { testNeeding } from "../support/needs.ts";
import { startOtlpReceiver } from "../support/otlp_receiver.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NEEDS = { net: true, run: true, read: true, write: true, env: true } as const;

async function runDeno(args: string[], env: Record<string, string>) {
  const options = { args, cwd: ROOT, env: { NO_COLOR: "1", ...env }, stdin: "null" } as const;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

/** What the server makes of the environment. */
function readTelemetry(env: Record<string, string>): string {
  try {
    return readConfig(env).telemetry ? "metrics" : "";
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return "refused";
  }
}

testNeeding(NEEDS, "the server and Deno agree on what the environment switches on", async () => {
  // What Deno has registered with the OpenTelemetry API.
  const code =
    'console.log(Object.keys(globalThis[Symbol.for("opentelemetry.js.api.1")] ?? {}).join())';
  const environments: [expected: string, env: Record<string, string>][] = [
    ["", {}],
    ["refused", { OTEL_DENO: "true" }],
    ["refused", { OTEL_DENO: "TRUE", OTEL_DENO_TRACING: "0" }],
    ["refused", { OTEL_DENO_TRACING: "true" }],
    ["metrics", { OTEL_DENO: "true", OTEL_DENO_TRACING: "False" }],
    ["metrics", { OTEL_DENO_METRICS: "true" }],
    ["", { OTEL_DENO: "true", OTEL_DENO_TRACING: "false", OTEL_DENO_METRICS: "false" }],
    ["", { OTEL_DENO: "1" }],
    ["", { OTEL_DENO: "true", OTEL_SDK_DISABLED: "true" }],
  ];
  for (const [expected, env] of environments) {
    assert.equal(readTelemetry(env), expected, JSON.stringify(env));
    const { stdout } = await runDeno(["eval", "-q", code], { ...env, OTEL_DENO_CONSOLE: "ignore" });
    const registered = stdout.trim().split(",");
    const actual = registered.includes("trace")
      ? "refused"
      : registered.includes("metrics")
      ? "metrics"
      : "";
    assert.equal(actual, expected, JSON.stringify(env));
  }
});

testNeeding(NEEDS, "`deno task server` leaves Deno's own spans off", async () => {
  const env = { OTEL_DENO: "true", STORE_URL: "redis:", OTEL_EXPORTER_OTLP_ENDPOINT: "http://0" };
  const { code, stderr } = await runDeno(["task", "-q", "server"], env);
  assert.equal(code, 2);
  assert.match(stderr, /STORE_URL/);
  assert.doesNotMatch(stderr, /OTEL_/);
});

// Client and server read the same .env, and the client prints where to sign in.
testNeeding(
  NEEDS,
  "`deno task client` exports nothing, whatever the environment says",
  async () => {
    await using receiver = startOtlpReceiver();
    await withTempDirectory(async (cache) => {
      const env = { ...receiver.env, OTEL_DENO_TRACING: "true", MCP_CLIENT_CACHE_DIR: cache };
      const { code } = await runDeno(["task", "-q", "client", "cache", "list"], env);
      assert.equal(code, 0);
      assert.deepEqual(receiver.texts, []);
    });
  },
);
