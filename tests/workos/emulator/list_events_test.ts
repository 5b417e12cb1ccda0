import assert from "node:assert/strict";
import { type Event, UnprocessableEntityException } from "@workos-inc/node";
import { ALL, get, list, summarize } from "./events_support.ts";
import { createSdk, ORIGIN, signIn, startEmulator } from "./support.ts";

/** Six events, a second apart. */
function changeRoles({ emulator, advance }: ReturnType<typeof startEmulator>): void {
  for (let count = 0; count < 3; count++) {
    emulator.directory.setRole("user_carol", "org_acme", "admin");
    advance(1000);
    emulator.directory.setRole("user_carol", "org_globex", "admin");
    advance(1000);
  }
}

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
