/**
 * A server is killed while it renews a WorkOS session: it holds the reservation, and WorkOS has the
 * refresh token, which works once.
 */

import assert from "node:assert/strict";
import type { SqlDatabase } from "../../lib/store/sql_database.ts";
import { callTool, post, signIn } from "../support/oauth_client.ts";
import { usePostgres } from "../support/postgres.ts";
import { isHungUp, type ServerGroup, withServers } from "../support/server_group.ts";
import { ping, refreshTokens, type SignedIn, signInByStep } from "../support/sign_in_steps.ts";
import { createWorld, type World } from "../support/world.ts";

const { testPostgres } = usePostgres();

/** As many requests of one client as a busy agent sends. */
const PARALLEL = 100;

/** How long a renewal holds its reservation, in milliseconds. */
const LEASE = 45_000;

/** Longer than WorkOS's access tokens live, in milliseconds. */
const SESSION = 6 * 60_000;

/** Two servers on one store, the first of which died when WorkOS had its refresh token. */
async function killInProcess({ exchanged }: { exchanged: boolean }) {
  const killed = await createWorld();
  const { store, emulator } = killed;
  const other = await createWorld({ store, emulator });
  const { tokens, clientId } = await signIn(killed);
  const advance = (duration: number) => [killed, other].forEach((one) => one.advance(duration));
  advance(SESSION);
  const asked = Promise.withResolvers<void>();
  killed.faults.workos = async (request) => {
    if (!request.url.endsWith("/authenticate")) return undefined;
    if (exchanged) await emulator.fetch(request);
    asked.resolve();
    return await new Promise<never>(() => {});
  };
  // Nobody will ever hear the answer.
  void callTool(killed, tokens.access_token, "whoami");
  await asked.promise;
  const call = () => callTool(other, tokens.access_token, "whoami");
  return { other, call, tokens, clientId, advance };
}

async function callInParallel(call: () => Promise<Response>): Promise<Response[]> {
  return await Promise.all(Array.from({ length: PARALLEL }, call));
}

function statusesOf(responses: readonly Response[]): number[] {
  return [...new Set(responses.map(({ status }) => status))];
}

function exchangesOf({ upstreamCalls }: World): number {
  return upstreamCalls.filter((call) => call.endsWith("/authenticate")).length;
}

for (const exchanged of [false, true]) {
  const moment = exchanged ? "after" : "before";
  Deno.test(`while a reservation is held, killed ${moment} the exchange, all get 503 and nothing ends`, async () => {
    const { other, call, tokens, clientId, advance } = await killInProcess({ exchanged });
    for (const wait of [0, LEASE - 1]) {
      advance(wait);
      const answers = await callInParallel(call);
      assert.deepEqual(statusesOf(answers), [503]);
      for (const { headers } of answers) assert.ok(Number(headers.get("retry-after")) > 0);
      const refreshed = await post(other, "/token", {
        grant_type: "refresh_token",
        client_id: clientId,
        refresh_token: tokens.refresh_token,
      });
      assert.equal(refreshed.status, 503);
      assert.ok(Number(refreshed.headers.get("retry-after")) > 0);
    }
    assert.equal(exchangesOf(other), 0);
  });
}

Deno.test("when the reservation of a killed server has run out, another renews, once for all", async () => {
  const { other, call, advance } = await killInProcess({ exchanged: false });
  advance(LEASE);
  assert.deepEqual(statusesOf(await callInParallel(call)), [200]);
  assert.equal(exchangesOf(other), 1);
});

Deno.test("a session whose new token died with a server ends, and the person signs in again", async () => {
  const { other, call, tokens, clientId, advance } = await killInProcess({ exchanged: true });
  advance(LEASE);
  const answers = await callInParallel(call);
  assert.deepEqual(statusesOf(answers), [401]);
  for (const answer of answers) {
    assert.match(answer.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  }
  const refreshed = await post(other, "/token", {
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: tokens.refresh_token,
  });
  assert.equal(refreshed.status, 400);
  assert.equal((await refreshed.json()).error, "invalid_grant");
  assert.equal(exchangesOf(other), 1, "WorkOS is asked once");
  const again = await signIn(other);
  assert.equal((await callTool(other, again.tokens.access_token, "whoami")).status, 200);
});

/** The same with processes. Their clock is the real one, so the rows are made older instead. */
function testProcesses(
  name: string,
  { exchanged }: { exchanged: boolean },
  check: (group: ServerGroup, signedIn: SignedIn, answers: readonly Response[]) => Promise<void>,
): void {
  testPostgres(name, async ({ createDatabase }) => {
    const storeUrl = await createDatabase();
    await withServers({ storeUrl, count: 2 }, async (group) => {
      const [killed, other] = group.servers;
      assert.ok(killed && other);
      const signedIn = await signInByStep(group.fetch);
      const { openPostgres } = await import("../../lib/store/postgres.ts");
      const database = openPostgres(storeUrl);
      try {
        const { access_token } = signedIn.tokens;
        await killWhileRenewing(group, database, access_token, exchanged);
        const { exchanges } = group.workos;
        const waiting = callInParallel(() => ping(other.fetch, access_token));
        assert.equal((await ping(other.fetch, "wrong")).status, 401);
        assert.equal(group.workos.exchanges, exchanges, "nobody renews while it is reserved");
        await runOut(database, "renewal_until");
        const answers = await waiting;
        assert.equal(group.workos.exchanges, exchanges + 1, "WorkOS is asked once");
        await check(group, signedIn, answers);
      } finally {
        await database.close();
      }
    });
  });
}

async function killWhileRenewing(
  { servers: [killed], workos }: ServerGroup,
  database: SqlDatabase,
  accessToken: string,
  exchanged: boolean,
): Promise<void> {
  assert.ok(killed);
  await runOut(database, "session_expires_at");
  workos.intercept = async (exchange) => {
    delete workos.intercept;
    if (exchanged) await exchange();
    await killed.stop("SIGKILL");
    return new Response();
  };
  await assert.rejects(ping(killed.fetch, accessToken), isHungUp);
}

async function runOut(
  database: SqlDatabase,
  column: "renewal_until" | "session_expires_at",
): Promise<void> {
  const rows = await database.run(`UPDATE grants SET ${column} = 0 RETURNING id`, []);
  assert.equal(rows.length, 1);
}

testProcesses(
  "a server killed before WorkOS exchanged the token: another one renews and the client goes on",
  { exchanged: false },
  async ({ fetch }, { clientId, tokens }, answers) => {
    assert.deepEqual(statusesOf(answers), [200]);
    const refreshed = await refreshTokens(fetch, clientId, tokens.refresh_token);
    assert.equal(refreshed.status, 200);
  },
);

testProcesses(
  "a server killed after WorkOS exchanged the token: the client signs in again",
  { exchanged: true },
  async ({ fetch }, { clientId, tokens }, answers) => {
    assert.deepEqual(statusesOf(answers), [401]);
    const refreshed = await refreshTokens(fetch, clientId, tokens.refresh_token);
    assert.equal(refreshed.status, 400);
    assert.equal((await refreshed.json()).error, "invalid_grant");
    await signInByStep(fetch);
  },
);
