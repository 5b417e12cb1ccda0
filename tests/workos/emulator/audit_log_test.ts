import assert from "node:assert/strict";
import {
  BadRequestException,
  type CreateAuditLogEventOptions,
  NotFoundException,
  UnauthorizedException,
} from "@workos-inc/node";
import { type Emulator, emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import { createSdk, ORIGIN, startEmulator } from "./support.ts";

const signedIn: CreateAuditLogEventOptions = {
  action: "user.signed_in",
  occurredAt: new Date(Date.UTC(2026, 0, 1)),
  actor: { type: "user", id: "user_bob", name: "Bob", metadata: { admin: false } },
  targets: [{ type: "server", id: "server_1" }],
  context: { location: "203.0.113.7", userAgent: "Test/1" },
  metadata: { attempts: 2 },
};

/** An emulator that knows the action. */
async function start() {
  const { emulator, advance } = startEmulator();
  const { auditLogs } = createSdk(emulator);
  await auditLogs.createSchema({ action: signedIn.action, targets: [{ type: "server" }] });
  return { emulator, advance, auditLogs };
}

async function call(emulator: Emulator, path: string, body?: unknown): Promise<Response> {
  return await emulator.fetch(
    new Request(new URL(path, ORIGIN), {
      headers: { authorization: `Bearer ${emulatorCredentials.apiKey}` },
      ...body !== undefined && { method: "POST", body: JSON.stringify(body) },
    }),
  );
}

/** Asserts that an event is refused, and where it is wrong. */
async function assertInvalid(event: Promise<void>, ...paths: string[]): Promise<void> {
  const error: unknown = await event.catch((error: unknown) => error);
  assert.ok(error instanceof BadRequestException, String(error));
  assert.equal(error.code, "invalid_audit_log_event");
  assert.deepEqual(error.errors, paths.map((instancePath) => ({ instancePath })));
}

Deno.test("an event of a registered action is recorded as it came", async () => {
  const { emulator, auditLogs } = await start();
  await auditLogs.createEvent("org_acme", signedIn, { idempotencyKey: "request 1" });
  assert.deepEqual(emulator.auditLog.list(), [{
    organizationId: "org_acme",
    idempotencyKey: "request 1",
    event: {
      action: "user.signed_in",
      occurred_at: "2026-01-01T00:00:00.000Z",
      actor: { type: "user", id: "user_bob", name: "Bob", metadata: { admin: false } },
      targets: [{ type: "server", id: "server_1" }],
      context: { location: "203.0.113.7", user_agent: "Test/1" },
      metadata: { attempts: 2 },
    },
  }]);
});

Deno.test("an event sent again with its idempotency key is recorded once, for a day", async () => {
  const { emulator, advance, auditLogs } = await start();
  const send = (idempotencyKey: string) =>
    auditLogs.createEvent("org_acme", signedIn, { idempotencyKey });
  await send("request 1");
  await send("request 1");
  await send("request 2");
  advance(24 * 60 * 60 * 1000);
  await send("request 1");
  assert.deepEqual(
    emulator.auditLog.list().map(({ idempotencyKey }) => idempotencyKey),
    ["request 1", "request 2", "request 1"],
  );
});

Deno.test("an event that was refused can be sent again with its idempotency key", async () => {
  const { auditLogs, emulator } = await start();
  const options = { idempotencyKey: "request 1" };
  const event = { ...signedIn, action: "user.signed_out" };
  await assertInvalid(auditLogs.createEvent("org_acme", event, options), "/action");
  await auditLogs.createSchema({ action: event.action, targets: [{ type: "server" }] });
  await auditLogs.createEvent("org_acme", event, options);
  assert.equal(emulator.auditLog.list().length, 1);
});

Deno.test("without an idempotency key, every event is another", async () => {
  const { emulator } = await start();
  const body = {
    organization_id: "org_acme",
    event: { ...signedIn, occurred_at: signedIn.occurredAt },
  };
  for (let count = 0; count < 2; count++) {
    const response = await call(emulator, "/audit_logs/events", body);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { success: true });
  }
  assert.equal(emulator.auditLog.list().length, 2);
});

Deno.test("an action without a schema is refused, unless the emulator takes any", async () => {
  const strict = startEmulator().emulator;
  await assertInvalid(createSdk(strict).auditLogs.createEvent("org_acme", signedIn), "/action");
  assert.deepEqual(strict.auditLog.list(), []);
  const { emulator } = startEmulator({ auditLogSchemas: "any" });
  await createSdk(emulator).auditLogs.createEvent("org_acme", signedIn);
  assert.equal(emulator.auditLog.list().length, 1);
});

Deno.test("an event has to keep to the schema of its action", async () => {
  const { emulator } = startEmulator();
  const { auditLogs } = createSdk(emulator);
  await auditLogs.createSchema({
    action: signedIn.action,
    actor: { metadata: { admin: "boolean" } },
    targets: [{ type: "server", metadata: { port: "number" } }, { type: "client" }],
    metadata: { attempts: "number" },
  });
  const send = (changes: Partial<CreateAuditLogEventOptions>) =>
    auditLogs.createEvent("org_acme", { ...signedIn, ...changes });
  await send({});
  await send({ metadata: { other: "text" }, targets: [] });
  await assertInvalid(send({ metadata: { attempts: "two" } }), "/metadata");
  await assertInvalid(
    send({ actor: { ...signedIn.actor, metadata: { admin: "no" } } }),
    "/actor/metadata",
  );
  await assertInvalid(
    send({
      targets: [
        { type: "client", id: "1", metadata: { port: "x" } },
        { type: "server", id: "2", metadata: { port: "x" } },
        { type: "printer", id: "3" },
      ],
    }),
    "/targets/2/type",
    "/targets/1/metadata",
  );
  assert.equal(emulator.auditLog.list().length, 2);
});

Deno.test("metadata has to keep within WorkOS's limits, with any schema", async () => {
  const { emulator } = startEmulator({ auditLogSchemas: "any" });
  const { auditLogs } = createSdk(emulator);
  const entries = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`key_${index}`, index]));
  const send = (metadata: Record<string, string | number>) =>
    auditLogs.createEvent("org_acme", { ...signedIn, metadata });
  await send({ ...entries(49), ["k".repeat(40)]: "v".repeat(500) });
  await assertInvalid(send(entries(51)), "/metadata");
  await assertInvalid(send({ ["k".repeat(41)]: "v" }), "/metadata");
  await assertInvalid(send({ "a key": "v" }), "/metadata");
  await assertInvalid(send({ key: "v".repeat(501) }), "/metadata");
});

Deno.test("an event keeps to the version it names, or to the newest", async () => {
  const { auditLogs, emulator, advance } = await start();
  advance(1000);
  const { version } = await auditLogs.createSchema({
    action: signedIn.action,
    targets: [{ type: "client" }],
  });
  assert.equal(version, 2);
  await assertInvalid(auditLogs.createEvent("org_acme", signedIn), "/targets/0/type");
  await auditLogs.createEvent("org_acme", { ...signedIn, version: 1 });
  await assertInvalid(auditLogs.createEvent("org_acme", { ...signedIn, version: 3 }), "/version");

  const { data } = await auditLogs.listSchemas(signedIn.action);
  assert.deepEqual(data.map(({ version, targets }) => [version, targets[0]?.type]), [
    [2, "client"],
    [1, "server"],
  ]);
  const actions = await (await call(emulator, "/audit_logs/actions")).json();
  assert.partialDeepStrictEqual(actions, {
    object: "list",
    data: [{
      object: "audit_log_action",
      name: "user.signed_in",
      schema: { object: "audit_log_schema", version: 2 },
      created_at: "2026-01-01T00:00:00.000Z",
      updated_at: "2026-01-01T00:00:01.000Z",
    }],
    list_metadata: { after: null },
  });
});

Deno.test("events of nobody, and schemas of nothing, are not found", async () => {
  const { auditLogs } = await start();
  await assert.rejects(auditLogs.createEvent("org_nowhere", signedIn), NotFoundException);
  await assert.rejects(auditLogs.listSchemas("user.danced"), NotFoundException);
});

Deno.test("a body that is no event or schema is refused, with the name of what is wrong", async () => {
  const { emulator } = await start();
  const event = { ...signedIn, occurred_at: signedIn.occurredAt };
  const bodies: [string, unknown, string][] = [
    ["/audit_logs/events", { event }, "organization_id"],
    ["/audit_logs/events", { organization_id: "org_acme" }, "event"],
    [
      "/audit_logs/events",
      { organization_id: "org_acme", event: { ...event, action: undefined } },
      "event.action",
    ],
    [
      "/audit_logs/events",
      { organization_id: "org_acme", event: { ...event, occurred_at: "now" } },
      "event.occurred_at",
    ],
    ["/audit_logs/actions/user.signed_in/schemas", {}, "targets"],
  ];
  for (const [path, body, field] of bodies) {
    const response = await call(emulator, path, body);
    assert.equal(response.status, 422, field);
    assert.equal((await response.json()).errors[0].field, field);
  }
});

Deno.test("the log forgets the oldest events", () => {
  const { auditLog } = startEmulator({ auditLogSchemas: "any" }).emulator;
  const { occurredAt, ...rest } = signedIn;
  for (let version = 0; version < 10_001; version++) {
    const event = { ...rest, occurred_at: occurredAt.toISOString(), version };
    auditLog.record({ organizationId: "org_acme", event });
  }
  assert.equal(auditLog.list().length, 10_000);
  assert.equal(auditLog.list()[0]?.event.version, 1);
});

Deno.test("nothing is recorded or told without the API key", async () => {
  const { emulator } = await start();
  const { auditLogs } = createSdk(emulator, "sk_test_other");
  const calls = [
    () => auditLogs.createEvent("org_acme", signedIn),
    () => auditLogs.createSchema({ action: "user.danced", targets: [] }),
    () => auditLogs.listSchemas(signedIn.action),
  ];
  for (const call of calls) await assert.rejects(call, UnauthorizedException);
  const response = await emulator.fetch(new Request(`${ORIGIN}/audit_logs/actions`));
  assert.equal(response.status, 401);
  assert.deepEqual(emulator.auditLog.list(), []);
});
