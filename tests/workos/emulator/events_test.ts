import assert from "node:assert/strict";
import { type Event, UnprocessableEntityException } from "@workos-inc/node";
import { type Emulator, emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import { createSdk, ORIGIN, signIn, startEmulator } from "./support.ts";

type ListOptions = Omit<
  Parameters<ReturnType<typeof createSdk>["events"]["listEvents"]>[0],
  "events"
>;

const ALL = [
  "user.created",
  "user.updated",
  "user.deleted",
  "organization.created",
  "organization.deleted",
  "organization_membership.created",
  "organization_membership.updated",
  "organization_membership.deleted",
  "session.created",
  "session.revoked",
] as const;

async function list(emulator: Emulator, options: ListOptions = {}): Promise<Event[]> {
  return (await createSdk(emulator).events.listEvents({ events: [...ALL], limit: 100, ...options }))
    .data;
}

/** Who it is about, and what. */
function summarize(events: readonly Event[]): string[] {
  return events.map(({ event, data }) => `${event} ${"id" in data ? data.id : ""}`);
}

async function get(emulator: Emulator, query: string): Promise<Response> {
  return await emulator.fetch(
    new Request(new URL(`/events?${query}`, ORIGIN), {
      headers: { authorization: `Bearer ${emulatorCredentials.apiKey}` },
    }),
  );
}

/** Six events, a second apart. */
function changeRoles({ emulator, advance }: ReturnType<typeof startEmulator>): void {
  for (let count = 0; count < 3; count++) {
    emulator.directory.setRole("user_carol", "org_acme", "admin");
    advance(1000);
    emulator.directory.setRole("user_carol", "org_globex", "admin");
    advance(1000);
  }
}

Deno.test("the people an emulator starts with are no news", async () => {
  assert.deepEqual(await list(startEmulator().emulator), []);
});

Deno.test("an event is shaped like WorkOS's, and shows the object as it was then", async () => {
  const { emulator, advance } = startEmulator();
  emulator.directory.setRole("user_bob", "org_acme", "admin");
  advance(1000);
  emulator.directory.memberships.setStatus("om_bob_acme", "inactive");
  const { object, data } = await (await get(emulator, "events=organization_membership.updated"))
    .json();
  assert.equal(object, "list");
  assert.match(data[0].id, /^event_[0-9A-Z]{26}$/);
  assert.deepEqual(data[0], {
    object: "event",
    id: data[0].id,
    event: "organization_membership.updated",
    data: {
      object: "organization_membership",
      id: "om_bob_acme",
      user_id: "user_bob",
      organization_id: "org_acme",
      organization_name: "Acme",
      status: "active",
      directory_managed: false,
      role: { slug: "admin" },
      roles: [{ slug: "admin" }],
      created_at: "2026-01-01T00:00:00.000Z",
      updated_at: "2026-01-01T00:00:00.000Z",
    },
    created_at: "2026-01-01T00:00:00.000Z",
  });
  assert.partialDeepStrictEqual(data[1], {
    data: { status: "inactive", updated_at: "2026-01-01T00:00:01.000Z" },
    created_at: "2026-01-01T00:00:01.000Z",
  });
});

Deno.test("users cause events when they come, change and go", async () => {
  const { emulator } = startEmulator();
  const { directory } = emulator;
  directory.addUser({ id: "user_faye", email: "faye@acme.test", firstName: "Faye", lastName: "F" });
  directory.updateUser("user_faye", { email: "faye@new.test", lastName: "Ford" });
  directory.addMembership("user_faye", "org_acme", "member");
  const { refresh_token } = await signIn(emulator, "faye@new.test");
  directory.deleteUser("user_faye");
  const events = await list(emulator);
  const sessionId = refresh_token.split(".")[0];
  assert.deepEqual(summarize(events), [
    "user.created user_faye",
    "user.updated user_faye",
    "organization_membership.created om_faye_acme",
    `session.created ${sessionId}`,
    "organization_membership.deleted om_faye_acme",
    `session.revoked ${sessionId}`,
    "user.deleted user_faye",
  ]);
  assert.partialDeepStrictEqual(events[1]?.data, { email: "faye@new.test", name: "Faye Ford" });
  assert.partialDeepStrictEqual(events[3]?.data, {
    userId: "user_faye",
    organizationId: "org_acme",
    status: "active",
    authMethod: "password",
  });
  assert.partialDeepStrictEqual(events[5]?.data, { status: "revoked" });
});

Deno.test("members cause events when they come, change and go", async () => {
  const { emulator } = startEmulator();
  const { directory } = emulator;
  directory.addMembership("user_dave", "org_globex", "member");
  directory.setRole("user_dave", "org_globex", "admin", "member");
  directory.deactivateMembership("user_dave", "org_globex");
  directory.deactivateMembership("user_dave", "org_globex");
  directory.addMembership("user_dave", "org_globex", "member");
  directory.removeMembership("user_dave", "org_globex");
  const events = await list(emulator);
  assert.deepEqual(summarize(events), [
    "organization_membership.created om_dave_globex",
    "organization_membership.updated om_dave_globex",
    "organization_membership.updated om_dave_globex",
    "organization_membership.updated om_dave_globex",
    "organization_membership.deleted om_dave_globex",
  ]);
  assert.deepEqual(
    events.map(({ data }) => "status" in data && data.status),
    ["active", "active", "inactive", "active", "active"],
  );
});

Deno.test("an organization takes its memberships and connections with it", async () => {
  const { emulator } = startEmulator();
  const { directory } = emulator;
  directory.addOrganization("org_new", "New");
  directory.addConnection({
    id: "conn_new",
    organizationId: "org_new",
    name: "New SSO",
    userIds: [],
  });
  directory.deleteOrganization("org_acme");
  assert.deepEqual(summarize(await list(emulator)), [
    "organization.created org_new",
    "organization_membership.deleted om_alice_acme",
    "organization_membership.deleted om_bob_acme",
    "organization_membership.deleted om_carol_acme",
    "organization_membership.deleted om_erin_acme",
    "organization.deleted org_acme",
  ]);
  assert.deepEqual(directory.connections.list().map(({ id }) => id), ["conn_new"]);
  assert.equal(directory.listActiveMemberships("user_carol").length, 1);
});

Deno.test("a session that ends, ends once", async () => {
  const { emulator } = startEmulator();
  const sessionId = (await signIn(emulator, "alice@acme.test")).refresh_token.split(".")[0] ?? "";
  emulator.directory.revokeSession(sessionId);
  emulator.directory.revokeSession(sessionId);
  await emulator.fetch(
    new Request(`${ORIGIN}/user_management/sessions/logout?session_id=${sessionId}`),
  );
  assert.deepEqual(summarize(await list(emulator)), [
    `session.created ${sessionId}`,
    `session.revoked ${sessionId}`,
  ]);
});

Deno.test("only the events asked for come, separated by commas or repeated", async () => {
  const { emulator } = startEmulator();
  emulator.directory.updateUser("user_bob", { emailVerified: false });
  emulator.directory.deleteUser("user_bob");
  for (
    const query of ["events=user.updated,user.deleted", "events=user.updated&events=user.deleted"]
  ) {
    const { data } = await (await get(emulator, query)).json();
    assert.deepEqual(data.map(({ event }: Event) => event), ["user.updated", "user.deleted"]);
  }
  const { data } = await (await get(emulator, "events=session.created")).json();
  assert.deepEqual(data, []);
});

Deno.test("a reader with a cursor gets every event once, in pages, and new ones later", async () => {
  const started = startEmulator();
  const { events } = createSdk(started.emulator);
  changeRoles(started);
  const seen: string[] = [];
  const read = async (after: string | undefined) => {
    const { data, listMetadata } = await events.listEvents({
      events: ["organization_membership.updated"],
      limit: 4,
      ...after !== undefined && { after },
    });
    seen.push(...data.map(({ id }) => id));
    return [data.length, listMetadata.after];
  };
  assert.deepEqual(await read(undefined), [4, seen.at(-1)]);
  assert.deepEqual(await read(seen.at(-1)), [2, null]);
  assert.deepEqual(await read(seen.at(-1)), [0, null]);
  changeRoles(started);
  assert.deepEqual(await read(seen.at(-1)), [4, seen.at(-1)]);
  assert.deepEqual(await read(seen.at(-1)), [2, null]);
  assert.deepEqual(seen, started.emulator.events.list().map(({ id }) => id));
  assert.equal(new Set(seen).size, 12);
});

Deno.test("events come the newest first to who wants it so", async () => {
  const started = startEmulator();
  changeRoles(started);
  const ids = started.emulator.events.list().map(({ id }) => id).toReversed();
  const newest = await list(started.emulator, { order: "desc", limit: 4 });
  assert.deepEqual(newest.map(({ id }) => id), ids.slice(0, 4));
  const older = await list(started.emulator, { order: "desc", after: newest.at(-1)?.id ?? "" });
  assert.deepEqual(older.map(({ id }) => id), ids.slice(4));
});

Deno.test("a page that ends the list says so, even a full one", async () => {
  const started = startEmulator();
  changeRoles(started);
  for (const [limit, isLast] of [[5, false], [6, true]] as const) {
    const { listMetadata } = await createSdk(started.emulator).events.listEvents({
      events: [...ALL],
      limit,
    });
    assert.equal(listMetadata.after === null, isLast);
  }
});

Deno.test("a range of time holds both its ends", async () => {
  const started = startEmulator();
  changeRoles(started);
  const at = async (rangeStart?: string, rangeEnd?: string) =>
    (await list(started.emulator, {
      ...rangeStart !== undefined && { rangeStart },
      ...rangeEnd !== undefined && { rangeEnd },
    })).map(({ createdAt }) => new Date(createdAt).getUTCSeconds());
  assert.deepEqual(await at("2026-01-01T00:00:01Z", "2026-01-01T00:00:03Z"), [1, 2, 3]);
  assert.deepEqual(await at("2026-01-01T00:00:04Z"), [4, 5]);
  assert.deepEqual(await at(undefined, "2026-01-01T00:00:00Z"), [0]);
});

Deno.test("an organization's events are those of its members and sessions, not of users", async () => {
  const { emulator } = startEmulator();
  const sessionId = (await signIn(emulator, "bob@acme.test")).refresh_token.split(".")[0];
  emulator.directory.setRole("user_carol", "org_globex", "admin");
  emulator.directory.updateUser("user_bob", { firstName: "Rob" });
  emulator.directory.deleteOrganization("org_globex");
  assert.deepEqual(summarize(await list(emulator, { organizationId: "org_acme" })), [
    `session.created ${sessionId}`,
  ]);
  assert.deepEqual(summarize(await list(emulator, { organizationId: "org_globex" })), [
    "organization_membership.updated om_carol_globex",
    "organization_membership.deleted om_carol_globex",
    "organization.deleted org_globex",
  ]);
});

Deno.test("a list that nobody can have is refused", async () => {
  const { emulator } = startEmulator();
  const refused: Record<string, [number, string]> = {
    "": [422, "events"],
    "events=": [422, "events"],
    "events=user.created&limit=0": [422, "limit"],
    "events=user.created&limit=101": [422, "limit"],
    "events=user.created&order=sideways": [422, "order"],
    "events=user.created&range_start=yesterday": [422, "range_start"],
    "events=user.created&range_end=x": [422, "range_end"],
    "events=user.created&range_start=2026-01-01&after=event_0": [400, "range_start"],
  };
  for (const [query, [status, field]] of Object.entries(refused)) {
    const response = await get(emulator, query);
    assert.equal(response.status, status, query);
    const { message, errors } = await response.json();
    assert.equal(errors?.[0].field ?? message.split(" ")[0], field, query);
  }
  await assert.rejects(
    createSdk(emulator).events.listEvents({ events: [] }),
    UnprocessableEntityException,
  );
  const response = await emulator.fetch(new Request(`${ORIGIN}/events?events=user.created`));
  assert.equal(response.status, 401);
});

Deno.test("ids keep their order through a clock set back, and the log forgets the oldest", () => {
  const { emulator: { directory, events }, advance } = startEmulator();
  for (let count = 0; count < 10_001; count++) {
    directory.updateUser("user_bob", { firstName: `Bob ${count}` });
    if (count === 5000) advance(-1000);
  }
  const ids = events.list().map(({ id }) => id);
  assert.equal(ids.length, 10_000);
  assert.deepEqual(ids, ids.toSorted());
  assert.equal(new Set(ids).size, 10_000);
  assert.partialDeepStrictEqual(events.list()[0]?.data, { first_name: "Bob 1" });
});
