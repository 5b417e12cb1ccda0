/** What every store promises about many grants at once, about changes that wait, and about leases. */

import assert from "node:assert/strict";
import type { GrantSelection, Store } from "../../lib/store/store.ts";
import { buildCode, buildGrant } from "./rows.ts";
import { useSubjects } from "./subjects.ts";

/** Three grants: of two people, in two organizations, made at 0, 10 and 20. */
async function insertGrants(store: Store): Promise<void> {
  const rows = [
    { userId: "user_a", organizationId: "org_1" },
    { userId: "user_a", organizationId: "org_2" },
    { userId: "user_b", organizationId: "org_1" },
  ];
  for (const [index, row] of rows.entries()) {
    const id = `grant${index}`;
    const session = { sessionId: `session_${index}`, createdAt: index * 10 };
    await store.insertGrant({ ...buildGrant(id), ...row, ...session }, buildCode(`code${index}`));
  }
}

async function listGrants(store: Store): Promise<string[]> {
  const ids = ["grant0", "grant1", "grant2"];
  const found = await Promise.all(ids.map((id) => store.findGrant(id)));
  return found.flatMap((grant) => grant ? [grant.id] : []);
}

const SELECTIONS: [name: string, selection: GrantSelection, ids: string[]][] = [
  ["a session", { sessionId: "session_1" }, ["grant1"]],
  ["a person", { userIds: ["user_a"] }, ["grant0", "grant1"]],
  ["several people", { userIds: ["user_a", "user_b", "user_c"] }, ["grant0", "grant1", "grant2"]],
  ["nobody", { userIds: [] }, []],
  ["an organization", { organizationId: "org_1" }, ["grant0", "grant2"]],
  ["a person in an organization", { userIds: ["user_a"], organizationId: "org_2" }, ["grant1"]],
  ["nobody in an organization", { userIds: [], organizationId: "org_1" }, []],
];

for (const { name, test: testStore } of useSubjects()) {
  const test = (what: string, work: (store: Store) => Promise<void>) =>
    testStore(`${name}: ${what}`, work);

  test("the grants of a selection end, and no other", async (store) => {
    for (const [what, selection, ids] of SELECTIONS) {
      await insertGrants(store);
      const ended = await store.deleteGrants({ ...selection, createdBefore: 100 });
      assert.deepEqual(ended.map(({ id }) => id).sort(), ids, what);
      const rest = ["grant0", "grant1", "grant2"].filter((id) => !ids.includes(id));
      assert.deepEqual(await listGrants(store), rest, what);
      for (const id of rest) await store.deleteGrant(id);
    }
  });

  test("a grant that was made later does not end", async (store) => {
    await insertGrants(store);
    const ended = await store.deleteGrants({ organizationId: "org_1", createdBefore: 20 });
    assert.deepEqual(ended, [{
      id: "grant0",
      clientId: "client",
      userId: "user_a",
      sessionId: "session_0",
      organizationId: "org_1",
    }]);
    assert.deepEqual(await listGrants(store), ["grant1", "grant2"]);
  });

  test("nobody can end or renew all grants by leaving everything out", async (store) => {
    await insertGrants(store);
    await assert.rejects(store.deleteGrants({ createdBefore: 100 }), /mistake/);
    await assert.rejects(store.markStale({}), /mistake/);
    assert.equal((await listGrants(store)).length, 3);
  });

  test("a stale grant stays so until it is renewed by somebody who began later", async (store) => {
    await insertGrants(store);
    const renew = async () =>
      await store.saveSession({
        grantId: "grant0",
        version: (await store.findGrant("grant0"))?.sessionVersion ?? 0,
        organizationId: "org_1",
        scope: "openid",
        permissions: "",
        sealedSession: "renewed",
        sessionExpiresAt: 900,
      });
    const reserve = async (now: number) =>
      await store.acquireRenewal({
        grantId: "grant0",
        version: (await store.findGrant("grant0"))?.sessionVersion ?? 0,
        owner: "one",
        now,
        until: now + 10,
      });
    const readEnd = async () => (await store.findGrant("grant0"))?.sessionExpiresAt;

    assert.ok(await reserve(0));
    await store.markStale({ userIds: ["user_a"] });
    assert.ok(await renew());
    assert.equal(await readEnd(), 0, "WorkOS may have answered before the change");
    assert.ok(await reserve(100));
    assert.ok(await renew());
    assert.equal(await readEnd(), 900);
    assert.equal((await store.findGrant("grant2"))?.sessionExpiresAt, 500, "of somebody else");
  });

  test("all grants can be made stale at once", async (store) => {
    await insertGrants(store);
    await store.markStale("everybody");
    for (const id of ["grant0", "grant1", "grant2"]) {
      assert.equal((await store.findGrant(id))?.sessionExpiresAt, 0);
    }
  });

  test("each note of a change is counted, also of many at once", async (store) => {
    assert.equal(await store.countAccessChanges(), 0);
    await Promise.all(Array.from({ length: 25 }, () => store.noteAccessChange()));
    assert.equal(await store.countAccessChanges(), 25);
  });

  test("of many who take changes, none goes away empty while there are some", async (store) => {
    for (let i = 0; i < 60; i++) {
      await store.insertChange({ id: `event_${i}`, change: "x", expiresAt: 500 });
    }
    const taken = await Promise.all(
      Array.from({ length: 12 }, () => store.takeChanges({ now: 0, until: 10, limit: 5 })),
    );
    assert.equal(new Set(taken.flat().map(({ id }) => id)).size, 60);
    assert.ok(taken.every(({ length }) => length > 0));
  });

  test("grants that have not expired are counted", async (store) => {
    await insertGrants(store);
    assert.equal(await store.countGrants(999), 3);
    assert.equal(await store.countGrants(1000), 0);
  });

  test("a change is kept once, handled or not, and taken by one", async (store) => {
    const insert = (id: string) =>
      store.insertChange({ id, change: `about ${id}`, expiresAt: 500 });
    assert.ok(await insert("event_1"));
    assert.equal(await insert("event_1"), false);
    assert.ok(await insert("event_2"));
    const take = (now: number) => store.takeChanges({ now, until: now + 10, limit: 10 });
    const taken = (await Promise.all([take(0), take(0), take(0)])).flat();
    assert.deepEqual(taken.map(({ change }) => change).sort(), ["about event_1", "about event_2"]);
    assert.deepEqual(await take(9), []);
    await store.finishChange("event_1");
    assert.deepEqual((await take(10)).map(({ id }) => id), ["event_2"], "whoever took it has died");
    assert.equal(await insert("event_1"), false, "it is known as long as it is kept");
    await store.sweep(500, 100);
    assert.ok(await insert("event_1"));
  });

  test("no more changes are taken than were asked for", async (store) => {
    for (let i = 0; i < 5; i++) {
      await store.insertChange({ id: `event_${i}`, change: "x", expiresAt: 500 });
    }
    const take = () => store.takeChanges({ now: 0, until: 10, limit: 2 });
    const counts = [await take(), await take(), await take(), await take()];
    assert.deepEqual(counts.map(({ length }) => length), [2, 2, 1, 0]);
  });

  test("a lease has one holder, who can prolong it and leave something there", async (store) => {
    /** What was left there; undefined when somebody else holds it. */
    const acquire = async (owner: string, now: number) =>
      (await store.acquireLease({ name: "lease", owner, now, until: now + 10 }))?.value;
    assert.equal(await acquire("a", 0), null);
    assert.equal(await acquire("b", 5), undefined);
    assert.equal(await acquire("a", 9), null);
    const save = (owner: string, value: string, until: number) =>
      store.saveLeaseValue({ name: "lease", owner, value, until });
    assert.ok(await save("a", "left", 30));
    assert.equal(await save("b", "stolen", 90), false);
    assert.equal(await acquire("b", 29), undefined, "leaving something there prolongs it");
    assert.equal(await acquire("b", 30), "left");
    assert.equal(await save("a", "late", 90), false);
    assert.equal(await acquire("a", 31), undefined);
  });
}
