import assert from "node:assert/strict";
import { testNeeding } from "../support/needs.ts";
import { PROCESS_NEEDS, startServerProcess } from "../support/server_process.ts";

testNeeding(
  PROCESS_NEEDS,
  "a running server reads a document on loopback if it was told to",
  async () => {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      ({ url }) =>
        Response.json({
          client_id: url,
          client_name: "Local App",
          redirect_uris: ["http://127.0.0.1/callback"],
        }),
    );
    const query = new URLSearchParams({
      client_id: `http://127.0.0.1:${server.addr.port}/client.json`,
      redirect_uri: "http://127.0.0.1:4567/callback",
      response_type: "code",
      code_challenge: "x".repeat(43),
      code_challenge_method: "S256",
    });
    for (const allowed of ["true", "false"]) {
      await using running = await startServerProcess({ ALLOW_LOOPBACK_CLIENT_METADATA: allowed });
      const response = await fetch(`${running.url}/authorize?${query}`, {
        headers: { accept: "text/html" },
      });
      const page = await response.text();
      assert.equal(response.status, allowed === "true" ? 200 : 400, page);
      assert.match(page, allowed === "true" ? /Allow Local App\?/ : /client_id is not https/);
    }
    await server.shutdown();
  },
);
