import assert from "node:assert/strict";
import fc from "fast-check";
import { computeLifetimes } from "../../lib/oauth/lifetimes.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { post, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

// fastmcp 5a9505076, fastmcp f7c89e263, fastmcp 151b0ae46, fastmcp 32dfe50f3, fastmcp 2d6143c6d: each
// row had a lifetime of its own making, and some pointed to what was gone.
Deno.test("nothing outlives what it points to, whatever the settings", () => {
  fc.assert(
    fc.property(
      fc.nat(4_000_000_000_000),
      fc.integer({ min: 1, max: 86_400 }),
      fc.integer({ min: 0, max: 31_536_000 }),
      fc.boolean(),
      (now, accessTokenTtl, more, renewable) => {
        const config = { accessTokenTtl, refreshTokenTtl: accessTokenTtl + more };
        const { accessToken, refreshToken, client } = computeLifetimes(now, config, renewable);
        assert.ok(now < accessToken);
        assert.ok(accessToken <= refreshToken);
        assert.ok(refreshToken < client);
      },
    ),
  );
});

Deno.test("no row points to one that is gone, at any time of a grant's life", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 60, max: 7200 }),
      fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 6 }),
      async (access, refresh, pauses) => {
        const database = openSqlite(":memory:");
        const store = await createSqlStore(database);
        const world = await createWorld({
          store,
          env: {
            ACCESS_TOKEN_TTL: String(Math.min(access, refresh)),
            REFRESH_TOKEN_TTL: String(refresh),
          },
        });
        const { tokens, clientId } = await signIn(world);
        let token = tokens.refresh_token;
        for (const pause of pauses) {
          world.advance(pause * 1000);
          const response = await post(world, "/token", {
            grant_type: "refresh_token",
            client_id: clientId,
            refresh_token: token,
          });
          token = (await response.json()).refresh_token ?? token;
          const rows = await database.run(
            `SELECT grants.expires_at AS "grant", access_tokens.expires_at AS "access",
               refresh_tokens.expires_at AS "refresh", codes.expires_at AS "code",
               clients.expires_at AS "client"
             FROM grants
               LEFT JOIN access_tokens ON access_tokens.grant_id = grants.id
               LEFT JOIN refresh_tokens ON refresh_tokens.grant_id = grants.id
               LEFT JOIN codes ON codes.grant_id = grants.id
               LEFT JOIN clients ON clients.id = grants.client_id`,
            [],
          );
          for (const row of rows) {
            const end = Number(row.grant);
            for (const name of ["access", "refresh", "code"]) {
              assert.ok(row[name] === null || Number(row[name]) <= end, `${name} outlives grant`);
            }
            assert.ok(Number(row.client) > end, "a grant outlives its client");
          }
          await world.app.sweep();
        }
        await store.close();
      },
    ),
    { numRuns: 40, seed: 1 },
  );
});
