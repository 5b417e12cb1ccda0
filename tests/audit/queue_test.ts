/** The way of entries to WorkOS: what goes wrong there reaches no request. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { createAudit } from "../../lib/audit/audit.ts";
import type { AuditEvent } from "../../lib/audit/audit_event.ts";
import { createLog } from "../../lib/log.ts";
import { createWorkOSApi } from "../../lib/workos/api.ts";
import { buildEvent, deliver, SECRET } from "../events/support.ts";
import { callTool, post, signIn } from "../support/oauth_client.ts";
import { createAuditedWorld, readEntries } from "./support.ts";
import { createWorld } from "../support/world.ts";

const EVENT: AuditEvent = {
  action: "mcp.tool.called",
  organizationId: "org_1",
  actor: { userId: "user_1" },
  clientId: "client",
  tool: "echo",
  metadata: { outcome: "completed" },
};

/** An audit log whose WorkOS answers as it is told. */
function createSubject(answer: (request: Request) => Response | Promise<Response>) {
  let time = 0;
  const logs: string[] = [];
  const waits: number[] = [];
  const requests: Request[] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    now: () => time,
    write: (line) => void logs.push(line),
  });
  const credentials = { clientId: "client_1", apiKeys: ["sk_test_1"] as const };
  const audit = createAudit({
    api: createWorkOSApi({
      config: { apiUrl: "http://localhost:4100", credentials },
      async fetch(input, init) {
        const request = new Request(input, init);
        requests.push(request.clone());
        return await answer(request);
      },
    }),
    log,
    now: () => time,
    random: randomBytes,
    wait(duration) {
      waits.push(duration);
      return Promise.resolve();
    },
    requestContext: new AsyncLocalStorage(),
  });
  return { audit, logs, waits, requests, advance: (duration: number) => time += duration };
}

const taken = () => Response.json({ success: true });

Deno.test("an entry whose answer is lost is sent again under the same key", async () => {
  const answers = [
    () => new Response(null, { status: 503 }),
    () => Promise.reject(new TypeError("reset")),
    () => new Response("<html>", { status: 429 }),
    taken,
  ];
  const { audit, waits, requests, logs } = createSubject(() => answers.shift()?.() ?? taken());
  audit.record(EVENT);
  await audit.flush();
  const keys = requests.map(({ headers }) => headers.get("idempotency-key"));
  assert.equal(keys.length, 4);
  assert.ok(keys[0]);
  assert.equal(new Set(keys).size, 1);
  assert.deepEqual(waits, [1000, 5000, 30_000]);
  assert.deepEqual(logs, []);
});

Deno.test("an entry that WorkOS does not take for half a minute is dropped, and that is said", async () => {
  const { audit, requests, logs } = createSubject(() => new Response(null, { status: 500 }));
  audit.record(EVENT);
  await audit.flush();
  assert.equal(requests.length, 4);
  assert.match(logs.join(), /"audit_entries_dropped".*"count":1/);
});

Deno.test("more than a thousand that wait are dropped, counted, and reported once a minute", async () => {
  const open = Promise.withResolvers<void>();
  const { audit, requests, logs, advance } = createSubject(async () => {
    await open.promise;
    return taken();
  });
  // Four are on their way, a thousand wait.
  for (let i = 0; i < 1104; i++) audit.record(EVENT);
  assert.equal(logs.length, 1);
  advance(60_000);
  audit.record(EVENT);
  assert.equal(logs.length, 2);
  assert.match(logs[1] ?? "", /"count":100,/);
  open.resolve();
  await audit.flush();
  assert.equal(requests.length, 1004);
});

/** How many entries each line says were dropped, or skipped. */
function readCounts(logs: string[], event: string): number[] {
  return logs.map((line) => JSON.parse(line))
    .filter(({ message }) => message === event)
    .map(({ properties }) => properties.count);
}

const readDropped = (logs: string[]) => readCounts(logs, "audit_entries_dropped");
const readSkipped = (logs: string[]) => readCounts(logs, "audit_entries_skipped");

Deno.test("what was dropped after a report is in the next one, which needs no further drop", async () => {
  const open = Promise.withResolvers<void>();
  const allSent = Promise.withResolvers<void>();
  const { audit, requests, logs, advance } = createSubject(async () => {
    await open.promise;
    if (requests.length === 1004) allSent.resolve();
    return taken();
  });
  for (let i = 0; i < 1104; i++) audit.record(EVENT);
  open.resolve();
  await allSent.promise;
  advance(59_999);
  audit.record(EVENT);
  assert.deepEqual(readDropped(logs), [1]);
  advance(1);
  audit.record(EVENT);
  assert.deepEqual(readDropped(logs), [1, 99]);
  await audit.flush();
});

Deno.test("at the end it is said what was dropped and not reported yet", async () => {
  const { audit, logs } = createSubject(() => Response.json({}, { status: 401 }));
  for (let i = 0; i < 5; i++) audit.record(EVENT);
  await audit.flush();
  assert.deepEqual(readDropped(logs), [1, 4]);
});

Deno.test("a server that stops waits no longer than it may, and counts what still waits as dropped", async () => {
  const world = await createAuditedWorld();
  const never = Promise.withResolvers<Response>();
  world.faults.workos = (request) =>
    request.url.includes("/audit_logs/") ? never.promise : undefined;
  const { tokens } = await signIn(world);
  for (let i = 0; i < 9; i++) await (await callTool(world, tokens.access_token, "whoami")).text();
  await world.app.close(Promise.resolve());
  assert.deepEqual(readDropped(world.logs), [10]);
});

Deno.test("an action that has no schema at WorkOS is left alone for ten minutes", async () => {
  let hasSchema = false;
  const { audit, requests, logs, advance } = createSubject(() =>
    hasSchema ? taken() : Response.json({ code: "invalid_audit_log_event" }, { status: 400 })
  );
  audit.record(EVENT);
  await audit.flush();
  audit.record(EVENT);
  await audit.flush();
  assert.equal(requests.length, 1);
  assert.match(logs.join(), /"audit_schema_missing".*audit-schemas/);
  audit.record({ ...EVENT, action: "mcp.grant.ended" });
  await audit.flush();
  assert.equal(requests.length, 2, "another action may have one");
  hasSchema = true;
  advance(600_000);
  audit.record(EVENT);
  await audit.flush();
  assert.equal(requests.length, 3);
});

Deno.test("what is not sent for want of a schema is counted, and no failure", async () => {
  const { audit, logs } = createSubject(() =>
    Response.json({ code: "invalid_audit_log_event" }, { status: 400 })
  );
  audit.record(EVENT);
  await audit.flush();
  for (let i = 0; i < 3; i++) audit.record(EVENT);
  await audit.flush();
  assert.deepEqual(readSkipped(logs), [1, 3]);
  assert.deepEqual(readDropped(logs), []);
});

Deno.test("an organization that is gone silences no other one", async () => {
  const world = await createAuditedWorld({ env: { WORKOS_WEBHOOK_SECRET: SECRET } });
  await signIn(world, { email: "carol@globex.test", organizationId: "org_globex" });
  const { tokens, clientId } = await signIn(world);
  world.faults.workos = async (request) => {
    if (!request.url.endsWith("/audit_logs/events")) return undefined;
    return (await request.json()).organization_id === "org_globex"
      ? Response.json({ code: "entity_not_found" }, { status: 404 })
      : undefined;
  };
  await deliver(world, buildEvent(world, "organization.deleted", { id: "org_globex" }));
  await world.app.close();
  await post(world, "/revoke", { client_id: clientId, token: tokens.refresh_token });
  const entries = await readEntries(world, "mcp.grant.ended");
  assert.deepEqual(entries.map(({ organizationId }) => organizationId), ["org_acme"]);
  assert.match(world.logs.join(), /"audit_organization_missing".*"org_globex"/);
});

Deno.test("an organization that is gone is left alone for ten minutes, and that is counted", async () => {
  const { audit, requests, logs, advance } = createSubject(() =>
    Response.json({ code: "entity_not_found" }, { status: 404 })
  );
  for (let i = 0; i < 3; i++) {
    audit.record(EVENT);
    await audit.flush();
  }
  assert.equal(requests.length, 1);
  advance(600_000);
  audit.record(EVENT);
  await audit.flush();
  assert.equal(requests.length, 2);
  assert.equal(readSkipped(logs).reduce((sum, count) => sum + count), 4);
});

Deno.test("an entry that WorkOS does not take for another reason is dropped, and silences nothing", async () => {
  const answers = [() => Response.json({ code: "made_up" }, { status: 400 })];
  const { audit, requests, logs } = createSubject(() => answers.shift()?.() ?? taken());
  audit.record(EVENT);
  await audit.flush();
  audit.record(EVENT);
  await audit.flush();
  assert.equal(requests.length, 2);
  assert.deepEqual(readDropped(logs), [1]);
});

Deno.test("what the API key may not do is dropped without trying again", async () => {
  const { audit, requests, logs } = createSubject(() =>
    Response.json({ message: "Unauthorized" }, { status: 401 })
  );
  audit.record(EVENT);
  await audit.flush();
  assert.equal(requests.length, 1);
  assert.match(logs.join(), /"audit_entries_dropped"/);
});

Deno.test("an actor who cannot be read any more is named by the id", async () => {
  const { audit, requests } = createSubject(taken);
  audit.record(EVENT, () => Promise.reject(new Error("gone")));
  await audit.flush();
  const body = await requests[0]?.json();
  assert.equal(body.event.actor.id, "user_1");
});

Deno.test("a long value is cut to what WorkOS takes", async () => {
  const { audit, requests } = createSubject(taken);
  audit.record({ ...EVENT, tool: "t".repeat(2000), metadata: { reason: "r".repeat(2000) } });
  await audit.flush();
  const { event } = await requests[0]?.json();
  assert.equal(event.metadata.reason.length, 500);
  assert.equal(event.targets[1].id.length, 500);
});

Deno.test("no request waits for the audit log, and none fails for it", async () => {
  const world = await createAuditedWorld();
  const open = Promise.withResolvers<void>();
  world.faults.workos = async (request) => {
    if (!request.url.includes("/audit_logs/")) return undefined;
    await open.promise;
    return new Response(null, { status: 500 });
  };
  const { tokens } = await signIn(world);
  assert.equal((await callTool(world, tokens.access_token, "whoami")).status, 200);
  open.resolve();
  assert.deepEqual(await readEntries(world, "mcp.tool.called"), []);
  assert.ok(world.logs.some((line) => line.includes("audit_entries_dropped")));
});

Deno.test("without schemas at WorkOS nothing is recorded there, and each action is tried once", async () => {
  const world = await createWorld();
  let tried = 0;
  world.faults.workos = (request) => {
    if (request.url.endsWith("/audit_logs/events")) tried++;
    return undefined;
  };
  const { tokens } = await signIn(world);
  for (let i = 0; i < 5; i++) {
    await (await callTool(world, tokens.access_token, "whoami")).text();
    await world.app.close();
  }
  assert.equal(tried, 2);
});
