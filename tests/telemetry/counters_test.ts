/** What is counted, and that nobody can make up a time series. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { UnavailableError } from "../../lib/errors.ts";
import { createLog, silentLog } from "../../lib/log.ts";
import { COUNTERS } from "../../lib/telemetry/counters.ts";
import { buildEvent, deliver, postWebhook, SECRET } from "../events/support.ts";
import { refresh } from "../oauth/support.ts";
import { testNeeding } from "../support/needs.ts";
import {
  approve,
  authorizationUrl,
  callTool,
  createPkce,
  post,
  register,
  signIn,
} from "../support/oauth_client.ts";
import { recordTelemetry } from "../support/recorded_telemetry.ts";
import { createWorld, SERVER, type WorldOptions } from "../support/world.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LATER = 6 * 60_000;

const unauthorized = () => Response.json({ message: "Unauthorized" }, { status: 401 });

/** A world, and what it has counted since one was last asked. */
async function createCountedWorld(options: WorldOptions = {}) {
  const { telemetry, takeCounts, collect, counts } = recordTelemetry();
  return { ...await createWorld({ ...options, telemetry }), takeCounts, collect, counts };
}

type CountedWorld = Awaited<ReturnType<typeof createCountedWorld>>;

/** Registers and opens the consent page, for a sign-in that ends in some way. */
async function begin(world: CountedWorld) {
  const { client_id } = await register(world);
  const browser = world.browser();
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  world.takeCounts();
  return { browser, url };
}

Deno.test("sign-ins are counted by how they end", async () => {
  const world = await createCountedWorld();
  await signIn(world);
  assert.deepEqual(world.takeCounts(), ["client_registrations", "sign_ins"]);

  const denied = await begin(world);
  const consent = await denied.browser.visit(denied.url);
  await denied.browser.submit(consent, { decision: "deny" });
  assert.deepEqual(world.takeCounts(), ["sign_ins consent_denied"]);

  const faults: [fault: () => Response, counted: string[]][] = [
    [() => Response.json({ error: "sso_required" }, { status: 400 }), ["sign_ins access_denied"]],
    [() => new Response(null, { status: 500 }), ["sign_ins workos_unavailable"]],
    [unauthorized, [
      "failures invalid_api_key",
      "sign_ins server_error",
    ]],
  ];
  for (const [fault, counted] of faults) {
    const { browser, url } = await begin(world);
    world.faults.workos = (request) => request.url.endsWith("/authenticate") ? fault() : undefined;
    await approve(browser, url);
    assert.deepEqual(world.takeCounts(), counted);
  }
});

Deno.test("refreshes are counted by outcome, those that share one too", async () => {
  const world = await createCountedWorld();
  const { clientId, tokens } = await signIn(world);
  world.takeCounts();
  await refresh(world, clientId, tokens.refresh_token);
  await refresh(world, clientId, tokens.refresh_token);
  assert.deepEqual(world.takeCounts(), ["token_refreshes: 2"]);
  world.advance(LATER);
  await refresh(world, clientId, tokens.refresh_token);
  assert.deepEqual(world.takeCounts(), [
    "ended_grants refresh_token_reused",
    "refused_requests invalid_grant",
    "token_refreshes invalid_grant",
  ]);
});

Deno.test("renewals at WorkOS are counted by outcome, and grants that end with them", async () => {
  const world = await createCountedWorld({ env: { ACCESS_TOKEN_TTL: "3600" } });
  const { tokens: { access_token: token } } = await signIn(world);
  const call = async (fault?: () => Response) => {
    // The audit log has failures of its own, at its own time.
    world.faults.workos = (request) => request.url.includes("/audit_logs/") ? undefined : fault?.();
    world.advance(LATER);
    world.takeCounts();
    await callTool(world, token, "whoami");
    return world.takeCounts();
  };
  assert.deepEqual(await call(), ["session_renewals"]);
  assert.deepEqual(await call(() => new Response(null, { status: 503 })), [
    "failures workos_unavailable",
    "session_renewals workos_unavailable",
  ]);
  assert.deepEqual(await call(unauthorized), [
    "failures invalid_api_key",
    "failures workos_unavailable",
    "session_renewals invalid_api_key",
  ]);
  assert.deepEqual(await call(() => Response.json({ error: "invalid_grant" }, { status: 400 })), [
    "ended_grants session_ended",
    "failures session_not_revoked",
    "refused_requests invalid_token",
    "session_renewals session_ended",
  ]);
});

Deno.test("switches to another organization are counted by outcome", async () => {
  const world = await createCountedWorld();
  const carol = { email: "carol@globex.test", organizationId: "org_acme" };
  const { tokens: { access_token: token } } = await signIn(world, carol);
  world.takeCounts();
  await callTool(world, token, "switch_organization", { organization_id: "org_globex" });
  assert.deepEqual(world.takeCounts(), ["organization_switches", "session_renewals"]);
  world.emulator.directory.removeMembership("user_carol", "org_acme");
  await callTool(world, token, "switch_organization", { organization_id: "org_acme" });
  assert.deepEqual(world.takeCounts(), [
    "organization_switches organization_membership_not_found",
    "session_renewals organization_membership_not_found",
  ]);
});

Deno.test("events of WorkOS are counted by outcome, and grants by the event that ended them", async () => {
  const world = await createCountedWorld({ env: { WORKOS_WEBHOOK_SECRET: SECRET } });
  await signIn(world);
  world.takeCounts();
  await deliver(world, buildEvent(world, "user.deleted", { id: "user_alice" }));
  assert.deepEqual(world.takeCounts(), ["access_events", "ended_grants user.deleted"]);
  for (const signature of [world.emulator.signWebhook("other"), null, undefined]) {
    await postWebhook(world, "{}", signature);
  }
  assert.deepEqual(world.takeCounts(), [
    "access_events malformed",
    "access_events unsigned",
    "access_events wrong_signature",
    "refused_requests invalid_request: 3",
  ]);
});

Deno.test("refused requests are counted by reason", async () => {
  const world = await createCountedWorld();
  const { tokens, clientId } = await signIn(world);
  const visit = (path: string, init?: RequestInit) => world.fetch(`${SERVER}${path}`, init);
  const attempts: [reason: string, attempt: () => Promise<unknown>][] = [
    ["host_refused", () => world.app.fetch(new Request("http://made-up.example/"))],
    ["origin_refused", () => visit("/", { headers: { origin: "https://made-up.example" } })],
    ["invalid_token", () => callTool(world, "made-up", "echo")],
    ["invalid_client", () => post(world, "/token", { grant_type: "x", client_id: "made-up" })],
    [
      "unsupported_grant_type",
      () => post(world, "/token", { grant_type: "x", client_id: clientId }),
    ],
    ["unsolicited", () => visit("/auth/callback?code=made-up")],
    ["unsupported_response_type", () => {
      const parameters = { client_id: clientId, response_type: "token" };
      return world.browser().visit(authorizationUrl(parameters));
    }],
    ["client_metadata_unavailable", () => {
      world.documents.set("https://made-up.example/client", () => {
        throw new UnavailableError("client_metadata_unavailable", "away");
      });
      return visit("/authorize?client_id=https://made-up.example/client");
    }],
  ];
  for (const [reason, attempt] of attempts) {
    world.takeCounts();
    await attempt();
    assert.ok(world.takeCounts().includes(`refused_requests ${reason}`), reason);
  }
  const registrations = Array.from({ length: 101 }, () => register(world));
  await Promise.all(registrations);
  assert.ok(
    world.takeCounts().some((line) => line.startsWith("refused_requests too_many_requests")),
  );
  assert.ok(tokens.access_token);
});

Deno.test("active grants are counted when metrics are collected, and a store that is away fails nothing", async () => {
  const world = await createCountedWorld();
  await world.collect();
  assert.equal(world.counts.get("workos_mcp.active_grants"), 0);
  await signIn(world);
  await world.collect();
  assert.equal(world.counts.get("workos_mcp.active_grants"), 1);
  world.takeCounts();
  for (const error of [new UnavailableError("store_unavailable", "away"), new Error("a mistake")]) {
    world.store.countGrants = () => Promise.reject(error);
    await world.collect();
  }
  assert.deepEqual(world.takeCounts(), ["failures internal_error", "failures store_unavailable"]);
});

Deno.test("an event counts whatever the log's level lets through, and gets there as it was", () => {
  const { telemetry, takeCounts } = recordTelemetry();
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const level = "info";
  const log = telemetry.countEvents(createLog({ level, format: "json", now: () => 0, write }));
  log.debug("token_refused", { error: "invalid_token" });
  assert.deepEqual(lines, []);
  log.warning("grant_ended", { reason: "session_ended" });
  log.error("unheard_of");
  assert.match(lines.join(), /"grant_ended".*"reason":"session_ended"[^]*"unheard_of"/);
  assert.deepEqual(takeCounts(), ["ended_grants session_ended", "refused_requests invalid_token"]);
});

Deno.test("what an event says makes no time series that was not there from the start", () => {
  const { telemetry, counts } = recordTelemetry();
  const log = telemetry.countEvents(silentLog);
  const events = Object.values(COUNTERS).flatMap(({ events }) => Object.keys(events));
  const start = new Set(counts.keys());
  for (const [name, { codes = [] }] of Object.entries(COUNTERS)) {
    for (const code of codes) {
      assert.ok(start.has(`${name} ${code}`), "the first one is an increase");
    }
    start.add(`${name} _OTHER`);
  }
  const word = fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "invalid_grant"));
  fc.assert(fc.property(
    fc.constantFrom(...events),
    fc.dictionary(fc.constantFrom("error", "reason", "message", "grant_id", "name"), word),
    (event, fields) => {
      log.info(event, fields);
      for (const series of counts.keys()) assert.ok(start.has(series), series);
    },
  ));
});

testNeeding(
  { read: true },
  "every event and every code that is counted occurs in the library",
  async () => {
    let source = "";
    for (const folder of ["lib", "lib/audit", "lib/events", "lib/mcp", "lib/oauth", "lib/workos"]) {
      for await (const { name, isFile } of Deno.readDir(`${ROOT}${folder}`)) {
        if (isFile) source += await Deno.readTextFile(`${ROOT}${folder}/${name}`);
      }
    }
    const errors = await Deno.readTextFile(`${ROOT}lib/errors.ts`);
    for (const { codes = [], events } of Object.values(COUNTERS)) {
      for (const code of codes) assert.match(source, RegExp(`"${code}"|\\b${code}:`), code);
      for (const event of Object.keys(events)) {
        const logged = RegExp(`\\blog(?:\\.\\w+|\\[[^\\]]+\\])\\(\\s*"${event}"`);
        // Errors are logged under their own code.
        assert.ok(logged.test(source) || errors.includes(`"${event}"`), event);
      }
    }
  },
);

testNeeding({ read: true }, "the README tells of every metric", async () => {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const others = [
    "workos_mcp.active_grants",
    "http.client.request.duration",
    "mcp.server.operation.duration",
  ];
  for (const name of [...Object.keys(COUNTERS), ...others]) {
    assert.ok(readme.includes(`\`${name}\``), name);
  }
});
