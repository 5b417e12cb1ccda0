/** Two server processes on one PostgreSQL: what one of them hears, both act on. */

import assert from "node:assert/strict";
import { usePostgres } from "../support/postgres.ts";
import { withServers } from "../support/server_group.ts";
import { ping, signInByStep } from "../support/sign_in_steps.ts";
import { SERVER } from "../support/world.ts";
import { SECRET } from "./support.ts";

const { testPostgres } = usePostgres();

/** What is promised, in milliseconds. */
const PROMISE = 1000;

testPostgres(
  "who must lose access loses it on every replica within a second",
  async ({ createDatabase }) => {
    const storeUrl = await createDatabase();
    const env = { WORKOS_WEBHOOK_SECRET: SECRET };
    await withServers({ storeUrl, count: 2, env }, async (group) => {
      const { servers: [one, other], workos: { emulator } } = group;
      assert.ok(one && other);
      const { tokens: { access_token: token } } = await signInByStep(group.fetch);
      for (const server of [one, other]) {
        assert.equal((await ping(server.fetch, token)).status, 200);
      }
      const delivery = emulator.deliverWebhooks({
        url: `${SERVER}/webhooks/workos`,
        fetch: one.fetch,
        wait: () => Promise.reject(new Error("The first attempt has to do.")),
      });
      emulator.directory.deactivateMembership("user_alice", "org_acme");
      await delivery.settle();
      const start = performance.now();
      for (const server of [one, other]) {
        while ((await ping(server.fetch, token)).status === 200) {
          assert.ok(performance.now() - start < PROMISE, "it takes too long");
        }
        assert.equal((await ping(server.fetch, token)).status, 401);
      }
      await delivery.stop();
    });
  },
);
