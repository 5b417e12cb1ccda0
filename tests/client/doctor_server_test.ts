/** The doctor and this project's own server. */

import assert from "node:assert/strict";
import { renderFindings } from "../../lib/client/doctor/render.ts";
import { createOutput } from "../../lib/client/output.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { startClient } from "../support/client_process.ts";
import { testNeeding } from "../support/needs.ts";
import { PROCESS_NEEDS, startServerProcess } from "../support/server_process.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";
import { diagnose, GOOD_CACHE, runWith } from "./doctor_support.ts";
import { createTestClient } from "./support.ts";

/** Lets the doctor look at the server of a world. */
async function diagnoseWorld(world: World) {
  const { context } = createTestClient(createFakeServer(), {
    fetch: (input, init) => world.fetch(input, init),
    now: world.now,
  });
  return await runWith(`${SERVER}/mcp`, context, {
    lookup: () => Promise.resolve(["127.0.0.1"]),
    inspectCache: () => Promise.resolve({ directory: "/cache", state: GOOD_CACHE }),
  });
}

/** The last finding: what the server says of itself. */
function codeOf({ findings }: Awaited<ReturnType<typeof diagnoseWorld>>): string | undefined {
  const finding = findings.at(-1);
  assert.equal(finding?.step, "workos");
  return "trouble" in finding ? finding.trouble.code : finding.status;
}

Deno.test("our own server is good, and says what WorkOS thinks of it", async () => {
  const world = await createWorld();
  const diagnosis = await diagnoseWorld(world);
  assert.equal(diagnosis.exitCode, 0, diagnosis.text);
  assert.equal(codeOf(diagnosis), "ok");
  assert.match(
    diagnosis.text,
    /WorkOS +store answers, .* WorkOS accepted the credentials within the last minute\n/,
  );
});

// fastmcp#1392, fastmcp#1699: a wrong setting at WorkOS looked like any other failure.
Deno.test("wrong credentials of our own server are a problem of its settings", async () => {
  const world = await createWorld({ env: { WORKOS_API_KEY: "sk_test_wrong" } });
  const diagnosis = await diagnoseWorld(world);
  assert.equal(codeOf(diagnosis), "workos_credentials_refused");
  assert.match(diagnosis.text, /up to whoever runs the MCP server, in its WorkOS settings/);
  assert.equal(diagnosis.exitCode, 3);
});

Deno.test("WorkOS being down is found at our own server, with everything else in order", async () => {
  const world = await createWorld();
  world.faults.workos = () => new Response(null, { status: 503 });
  const diagnosis = await diagnoseWorld(world);
  assert.equal(codeOf(diagnosis), "workos_keys_missing");
  assert.equal(diagnosis.exitCode, 4);
  const problems = diagnosis.findings.filter(({ status }) => status === "problem");
  assert.deepEqual(problems.map(({ step }) => step), ["workos"]);
});

Deno.test("a store that is down is found at our own server", async () => {
  const world = await createWorld();
  await world.store.close();
  const diagnosis = await diagnoseWorld(world);
  assert.equal(codeOf(diagnosis), "store_unavailable");
  assert.equal(diagnosis.exitCode, 4);
});

Deno.test("another server's health is none of the doctor's business", async () => {
  const healths = [
    () => Response.json({ ok: true, uptime: 1 }),
    () => new Response("ok"),
    () => new Response("<h1>", { headers: { "content-type": "text/html" } }),
  ];
  for (const health of healths) {
    const { findings, requests } = await diagnose(createFakeServer(), {
      lies: { "/healthz": health },
    });
    assert(!findings.some(({ step }) => step === "workos"));
    assert(!requests.includes("GET /readyz"));
  }
  const { findings } = await diagnose(createFakeServer(), {
    lies: { "/healthz": () => Response.json({ ok: true }) },
  });
  assert(!findings.some(({ step }) => step === "workos"));
});

Deno.test("a server that WorkOS has not answered yet is asked again, then cannot sign anybody in", async () => {
  const { exitCode, find, outcome, requests } = await diagnose(createFakeServer(), {
    lies: {
      "/healthz": () => Response.json({ ok: true }),
      "/readyz": () =>
        Response.json({ ready: true, store: true, workos_keys: true, workos_credentials: null }),
    },
  });
  assert.equal(outcome("workos"), "workos_silent");
  assert.equal(find("workos").status, "problem");
  assert.equal(exitCode, 4);
  assert.equal(requests.filter((request) => request === "GET /readyz").length, 3);
});

testNeeding(PROCESS_NEEDS, "doctor looks at a running server from the command line", async () => {
  await withTempDirectory(async (cache) => {
    await using server = await startServerProcess();
    const good = await startClient(["doctor", `${server.url}/mcp`], { cache }).ended;
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /^ok +WorkOS +store answers/m);
    assert.equal(good.stderr, "");

    const lost = await startClient(["doctor", "--json", server.url], { cache }).ended;
    assert.equal(lost.code, 4);
    const [endpoint] = JSON.parse(lost.stdout).filter(({ step }: { step: string }) =>
      step === "endpoint"
    );
    assert.equal(endpoint.trouble.advice, `Use ${server.url}/mcp: there is one.`);
    assert.equal(JSON.parse(lost.stderr).error.code, "sign_in_would_fail");
  });
});

Deno.test("on a terminal the signs stand out, and NO_COLOR is respected", async () => {
  const { findings } = await diagnose(createFakeServer(), {
    lies: { "/token": () => new Response(null, { status: 404 }) },
  });
  for (
    const [noColor, expected, failed] of [
      ["", "\x1b[2mok", "\x1b[31mFAIL  \x1b[0mtoken endpoint"],
      ["1", "ok    URL", "FAIL  token endpoint"],
    ] as const
  ) {
    let text = "";
    const stream = { isTerminal: true, write: (part: string) => void (text += part) };
    const env = (name: string) => name === "NO_COLOR" ? noColor : undefined;
    createOutput({ stdout: stream, stderr: stream, env, json: false, debug: false })
      .result(findings, (style) => renderFindings(findings, style));
    assert(text.startsWith(expected), JSON.stringify(text.slice(0, 20)));
    assert(text.includes(`\n${failed}`), JSON.stringify(text));
  }
});
