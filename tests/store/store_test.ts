/** What every store promises, on every store there is. */

import assert from "node:assert/strict";
import type { Store } from "../../lib/store/store.ts";
import { buildCode, buildGrant, buildIssue, buildRotation } from "./rows.ts";
import { useSubjects } from "./subjects.ts";

async function withTokens(store: Store): Promise<void> {
  await store.insertClient({
    id: "client",
    metadata: "{}",
    secretHash: null,
    createdAt: 0,
    expiresAt: 1000,
  });
  await store.insertGrant(buildGrant(), buildCode());
  assert.ok(
    await store.redeemCode({ ...buildIssue("1"), codeHash: "code", now: 0, rememberUntil: 900 }),
  );
}

for (const { name, test: testSubject } of useSubjects()) {
  const test = (behaviour: string, work: (store: Store) => Promise<void>) =>
    testSubject(`${name}: ${behaviour}`, work);

  test("a secret is made once and stays", async (store) => {
    const secrets = await Promise.all(["a", "b", "c"].map((s) => store.getSecret("name", s)));
    assert.equal(new Set(secrets).size, 1);
  });

  test("an expired client is not found", async (store) => {
    await withTokens(store);
    assert.ok(await store.findClient("client", 3999));
    assert.equal(await store.findClient("client", 4000), undefined);
    assert.equal(await store.findClient("other", 0), undefined);
    assert.equal(await store.findClient("client\0", 0), undefined);
  });

  test("a sign-in opens once, is taken once, and stays over", async (store) => {
    const signIn = { id: "s", sealed: "sealed", expiresAt: 100 };
    assert.ok(await store.openSignIn(signIn));
    assert.ok(await store.openSignIn(signIn), "opening it again finds it open");
    assert.equal((await store.findSignIn("s", 1))?.sealed, "sealed");
    const taken = await Promise.all(Array.from({ length: 10 }, () => store.takeSignIn("s", 1)));
    assert.equal(taken.filter(Boolean).length, 1);
    assert.equal(await store.findSignIn("s", 1), undefined);
    assert.equal(await store.openSignIn(signIn), false);
  });

  test("a closed sign-in cannot be opened, an expired one not found or taken", async (store) => {
    await store.closeSignIn("denied", 100);
    assert.equal(await store.openSignIn({ id: "denied", sealed: "x", expiresAt: 100 }), false);
    await store.openSignIn({ id: "late", sealed: "x", expiresAt: 100 });
    assert.equal(await store.findSignIn("late", 100), undefined);
    assert.equal(await store.takeSignIn("late", 100), undefined);
  });

  test("an id is used once", async (store) => {
    const uses = await Promise.all([1, 2, 3].map(() => store.useOnce("id", 100)));
    assert.equal(uses.filter(Boolean).length, 1);
  });

  test("a code is redeemed once, with its tokens, or not at all", async (store) => {
    await store.insertGrant(buildGrant(), buildCode());
    const results = await Promise.all(
      ["1", "2", "3"].map((name) =>
        store.redeemCode({ ...buildIssue(name), codeHash: "code", now: 0, rememberUntil: 900 })
      ),
    );
    assert.equal(results.filter(Boolean).length, 1);
    for (const [index, redeemed] of results.entries()) {
      const access = `access ${index + 1}`;
      assert.equal(await store.findAccessToken(access) !== undefined, redeemed);
      if (redeemed) assert.equal((await store.findCode("code"))?.redeemedFor, access);
    }
    assert.equal((await store.findGrant("grant"))?.expiresAt, 3000);
  });

  test("a grant takes its code and tokens along", async (store) => {
    await withTokens(store);
    assert.ok(await store.deleteGrant("grant"));
    assert.equal(await store.deleteGrant("grant"), false);
    assert.equal(await store.findCode("code"), undefined);
    assert.equal(await store.findAccessToken("access 1"), undefined);
    assert.equal(await store.findRefreshToken("refresh 1"), undefined);
  });

  test("a rotation happens once, and everyone learns its salt", async (store) => {
    await withTokens(store);
    const rotations = await Promise.all(
      ["a", "b", "c"].map((salt) => store.rotateRefreshToken(buildRotation("1", salt))),
    );
    assert.equal(new Set(rotations.map((rotation) => rotation?.rotationSalt)).size, 1);
    const winner = rotations[0]?.rotationSalt;
    for (const salt of ["a", "b", "c"]) {
      const row = await store.findRefreshToken(`refresh ${salt}`);
      assert.equal(row !== undefined, salt === winner);
    }
    assert.equal(
      await store.rotateRefreshToken(buildRotation("unknown", "x")),
      undefined,
    );
  });

  test("an access token is stored once and only for a living grant", async (store) => {
    await withTokens(store);
    const token = { hash: "again", wrappedKey: "k", scope: "openid", expiresAt: 2000 };
    assert.ok(await store.insertAccessToken("grant", token));
    assert.ok(await store.insertAccessToken("grant", token));
    await store.revokeAccessToken("again", "another client");
    assert.ok(await store.findAccessToken("again"));
    await store.revokeAccessToken("again", "client");
    assert.equal(await store.findAccessToken("again"), undefined);
    assert.ok(await store.insertAccessToken("grant", token), "revoked for good");
    assert.equal(await store.findAccessToken("again"), undefined);
    await store.deleteGrant("grant");
    assert.equal(await store.insertAccessToken("grant", token), false);
  });

  test("a renewal is reserved by one, and by another when its time is up", async (store) => {
    await withTokens(store);
    const reserve = (owner: string, now: number, version = 1) =>
      store.acquireRenewal({ grantId: "grant", version, owner, now, until: now + 10 });
    assert.ok(await reserve("a", 0));
    assert.equal(await reserve("b", 9), false);
    assert.ok(await reserve("b", 10));
    await store.releaseRenewal("grant", "a");
    assert.equal(await reserve("c", 11), false, "only the holder gives it back");
    await store.releaseRenewal("grant", "b");
    assert.ok(await reserve("c", 11));
    assert.equal(await reserve("d", 100, 2), false, "not for another version");
  });

  test("a renewed session is saved once a version", async (store) => {
    await withTokens(store);
    const session = {
      grantId: "grant",
      version: 1,
      organizationId: "org_1",
      scope: "openid email",
      permissions: "members:read",
      sealedSession: "new",
      sessionExpiresAt: 800,
    };
    assert.ok(await store.saveSession(session));
    assert.equal(await store.saveSession(session), false);
    assert.deepEqual(await store.findGrant("grant"), {
      ...await store.findGrant("grant"),
      organizationId: "org_1",
      scope: "openid email",
      sealedSession: "new",
      sessionExpiresAt: 800,
      sessionVersion: 2,
    });
  });

  test("sweeping deletes what has expired, a bounded number at once", async (store) => {
    await withTokens(store);
    assert.equal(await store.sweep(800, 100), 0);
    assert.equal(await store.sweep(2000, 100), 2, "the code and the access token");
    assert.ok(await store.findRefreshToken("refresh 1"));
    await store.sweep(5000, 100);
    assert.equal(await store.findGrant("grant"), undefined);
    for (let i = 0; i < 5; i++) await store.closeSignIn(`s${i}`, 10);
    assert.equal(await store.sweep(5000, 2), 2);
  });
}
