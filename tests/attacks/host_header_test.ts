/** A `Host` header that is more than a host, as only a connection of one's own can send it. */

import assert from "node:assert/strict";
import { testNeeding } from "../support/needs.ts";
import { PROCESS_NEEDS, startServerProcess } from "../support/server_process.ts";

async function send(port: number, lines: string[], body: string): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const length = `Content-Length: ${body.length}`;
  const text = [...lines, length, "Connection: close", "", body].join("\r\n");
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

// CVE-2026-48710: the URL was put together from `Host` and the path, so that a check looked at
// another path than the one that was served.
testNeeding(PROCESS_NEEDS, "no Host header leads around the gate or to a page", async () => {
  await using server = await startServerProcess();
  const { port, host } = new URL(server.url);
  const call = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "echo", arguments: { message: "let in" } },
  });
  for (const suffix of ["/healthz?", "/healthz#", "/healthz/../", "/mcp?", "@evil.example", "\\"]) {
    for (const path of ["/mcp", "/healthz", "/authorize", "/"]) {
      for (const method of ["POST", "GET"]) {
        const answer = await send(Number(port), [
          `${method} ${path} HTTP/1.1`,
          `Host: ${host}${suffix}`,
          "Content-Type: application/json",
          "Accept: application/json, text/event-stream",
        ], method === "POST" ? call : "");
        const what = `${method} ${path} at Host: ${host}${suffix}\n${answer}`;
        assert.doesNotMatch(answer, /let in|<h1>|^location:/im, what);
        // A probe may be answered under any name: it tells nobody anything.
        assert.match(answer, /^HTTP\/1\.1 4\d\d|"ok":true/, what);
      }
    }
  }
  await server.stop();
});
