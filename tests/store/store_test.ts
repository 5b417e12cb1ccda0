/** What every store promises, on every store there is. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import type { GrantRow, Store, TokenIssue } from "../../lib/store/store.ts";
import { type Needs, testNeeding } from "../support/needs.ts";

interface Subject {
  name: string;
  needs: Needs;
  open: () => Promise<{ store: Store; done: () => Promise<void> }>;
}

const SUBJECTS: Subject[] = [{
  name: "memory",
  needs: {},
  open: async () => {
    const store = await createSqlStore(openSqlite(":memory:"));
    return { store, done: () => store.close() };
  },
}, {
  name: "SQLite",
  needs: { read: true, write: true },
  open: async () => {
    const directory = await Deno.makeTempDir();
    const store = await createSqlStore(openSqlite(join(directory, "store.db")));
    return {
      store,
      done: async () => {
        await store.close();
        await Deno.remove(directory, { recursive: true });
      },
    };
  },
}];

const GRANT: GrantRow = {
  id: "grant",
  clientId: "client",
  userId: "user_1",
  sessionId: "session_1",
  organizationId: null,
  scope: "openid",
  sealedSession: "sealed",
  sessionVersion: 1,
  sessionExpiresAt: 500,
  createdAt: 0,
  expiresAt: 1000,
};

const CODE = {
  hash: "code",
  wrappedKey: "wrapped",
  redirectUri: "http://localhost/cb",
  codeChallenge: "challenge",
  expiresAt: 1000,
};

const issue = (name: string): TokenIssue => ({
  grantId: "grant",
  accessToken: { hash: `access ${name}`, wrappedKey: "k", scope: "openid", expiresAt: 2000 },
  refreshToken: { hash: `refresh ${name}`, wrappedKey: "k", expiresAt: 3000 },
  grantExpiresAt: 3000,
  clientExpiresAt: 4000,
});

async function withTokens(store: Store): Promise<void> {
  await store.insertClient({
    id: "client",
    metadata: "{}",
    secretHash: null,
    createdAt: 0,
    expiresAt: 1000,
  });
  await store.insertGrant(GRANT, CODE);
  assert.ok(
    await store.redeemCode({ ...issue("1"), codeHash: "code", now: 0, rememberUntil: 900 }),
  );
}

for (const { name, needs, open } of SUBJECTS) {
  const test = (behaviour: string, work: (store: Store) => Promise<void>) =>
    testNeeding(needs, `${name}: ${behaviour}`, async () => {
      const { store, done } = await open();
      try {
        await work(store);
      } finally {
        await done();
      }
    });

  test("a secret is made once and stays", async (store) => {
    const secrets = await Promise.all(["a", "b", "c"].map((s) => store.getSecret("name", s)));
    assert.equal(new Set(secrets).size, 1);
  });

  test("an expired client is not found", async (store) => {
    await withTokens(store);
    assert.ok(await store.findClient("client", 3999));
    assert.equal(await store.findClient("client", 4000), undefined);
    assert.equal(await store.findClient("other", 0), undefined);
  });

  test("a sign-in opens once, is taken once, and stays over", async (store) => {
    const signIn = { id: "s", sealed: "sealed", expiresAt: 100 };
    assert.ok(await store.openSignIn(signIn));
    assert.ok(await store.openSignIn(signIn), "opening it again finds it open");
    const taken = await Promise.all(Array.from({ length: 10 }, () => store.takeSignIn("s", 1)));
    assert.equal(taken.filter(Boolean).length, 1);
    assert.equal(await store.openSignIn(signIn), false);
  });

  test("a closed sign-in cannot be opened, an expired one not taken", async (store) => {
    await store.closeSignIn("denied", 100);
    assert.equal(await store.openSignIn({ id: "denied", sealed: "x", expiresAt: 100 }), false);
    await store.openSignIn({ id: "late", sealed: "x", expiresAt: 100 });
    assert.equal(await store.takeSignIn("late", 100), undefined);
  });

  test("a code is redeemed once, with its tokens, or not at all", async (store) => {
    await store.insertGrant(GRANT, CODE);
    const results = await Promise.all(
      ["1", "2", "3"].map((name) =>
        store.redeemCode({ ...issue(name), codeHash: "code", now: 0, rememberUntil: 900 })
      ),
    );
    assert.deepEqual(results, [true, false, false]);
    assert.ok(await store.findAccessToken("access 1"));
    assert.equal(await store.findAccessToken("access 2"), undefined);
    assert.equal((await store.findCode("code"))?.redeemedFor, "access 1");
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
    const rotations = await Promise.all(["a", "b", "c"].map((salt) =>
      store.rotateRefreshToken({
        ...issue(salt),
        hash: "refresh 1",
        rotatedAt: 10,
        rotationSalt: salt,
        rememberUntil: 70,
      })
    ));
    assert.equal(new Set(rotations.map((rotation) => rotation?.rotationSalt)).size, 1);
    const winner = rotations[0]?.rotationSalt;
    for (const salt of ["a", "b", "c"]) {
      const row = await store.findRefreshToken(`refresh ${salt}`);
      assert.equal(row !== undefined, salt === winner);
    }
    assert.equal(
      await store.rotateRefreshToken({
        ...issue("x"),
        hash: "unknown",
        rotatedAt: 10,
        rotationSalt: "x",
        rememberUntil: 70,
      }),
      undefined,
    );
  });

  test("an access token is stored once and only for a living grant", async (store) => {
    await withTokens(store);
    const token = { hash: "again", wrappedKey: "k", scope: "openid", expiresAt: 2000 };
    assert.ok(await store.insertAccessToken("grant", token));
    assert.ok(await store.insertAccessToken("grant", token));
    await store.deleteAccessToken("again", "another client");
    assert.ok(await store.findAccessToken("again"));
    await store.deleteAccessToken("again", "client");
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
