/** A server that is made to run out of something goes on when it has it again. */

import assert from "node:assert/strict";
import { testNeeding } from "./support/needs.ts";
import { PROCESS_NEEDS, startServerProcess } from "./support/server_process.ts";

testNeeding(
  PROCESS_NEEDS,
  "more connections than file descriptors do not end the server",
  async () => {
    await using server = await startServerProcess({}, 128);
    const port = Number(new URL(server.url).port);
    const idle: Deno.Conn[] = [];
    const open = async () => idle.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    // Some are refused while nobody listens.
    while (!server.output().stderr.includes("listener_failed") && idle.length < 1000) {
      await open().catch(() => new Promise((resolve) => setTimeout(resolve, 10)));
    }
    assert.match(server.output().stderr, /listener_failed/);
    for (const connection of idle) connection.close();
    for (;;) {
      try {
        assert.equal((await fetch(`${server.url}/healthz`).then((r) => r.json())).ok, true);
        break;
      } catch (error) {
        // Not listening yet.
        if (!(error instanceof TypeError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    assert.equal(await server.stop(), 0);
  },
);
