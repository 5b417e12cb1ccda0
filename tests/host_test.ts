/** Under which names the server answers, and to whom. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { testNeeding } from "./support/needs.ts";
import { PROCESS_NEEDS, startServerProcess } from "./support/server_process.ts";
import { createWorld, SERVER } from "./support/world.ts";

const PUBLIC = "https://mcp.example.com";

Deno.test("probes are answered under any Host, as Kubernetes sends them, and nothing else is", async () => {
  for (const base of [SERVER, PUBLIC]) {
    const world = await createWorld({ env: { WORKOS_BASE_URL: base } });
    const status = async (path: string, headers: Record<string, string>) => {
      const response = await world.app.fetch(
        new Request(`http://10.1.2.3:8000${path}`, { headers }),
      );
      await response.body?.cancel();
      return response.status;
    };
    for (const headers of [{}, { host: "10.1.2.3:8000" }]) {
      assert.equal(await status("/healthz", headers), 200);
      assert.equal(await status("/readyz", headers), 200);
      for (const path of ["/", "/mcp", "/token", "/healthz/", "/nothing"]) {
        assert.equal(await status(path, headers), 403, path);
      }
    }
    assert.equal(await status("/healthz", { origin: "https://evil.example" }), 403);
  }
});

for (const name of ["127.0.0.1", "[::1]"]) {
  Deno.test(`a page opened at ${name} moves to the host whose cookies the sign-in uses`, async () => {
    const world = await createWorld();
    for (const path of ["/", "/?a=%20b&c", "/authorize?client_id=x&state=a%2Fb+c&redirect_uri="]) {
      const response = await world.app.fetch(
        new Request(`http://${name}:8000${path}`, { headers: { accept: "text/html" } }),
      );
      assert.equal(response.status, 307, path);
      assert.equal(response.headers.get("location"), SERVER + path);
    }
    const post = await world.app.fetch(
      new Request(`http://${name}:8000/consent`, { method: "POST" }),
    );
    assert.equal(post.status, 400, "a form is never sent on");
    const metadata = await world.app.fetch(
      new Request(`http://${name}:8000/.well-known/oauth-authorization-server`),
    );
    assert.equal(metadata.status, 200, "programs are not moved");
  });
}

Deno.test("a page at the server's own host is not moved", async () => {
  for (const base of [SERVER, PUBLIC, "http://127.0.0.1:8000", "http://localhost"]) {
    const world = await createWorld({ env: { WORKOS_BASE_URL: base } });
    assert.equal((await world.app.fetch(new Request(`${base}/`))).status, 200, base);
  }
});

testNeeding(
  PROCESS_NEEDS,
  "over HTTP/2, where there is no Host header, the authority is checked (DNS-1)",
  async () => {
    await using server = await startServerProcess();
    const { port } = new URL(server.url);
    const { connect } = await import("node:http2");
    const ask = async (authority: string) => {
      const session = connect(`http://127.0.0.1:${port}`);
      const stream = session.request({
        ":path": "/.well-known/oauth-authorization-server",
        ":authority": authority,
      });
      const [headers] = await once(stream, "response");
      stream.close();
      session.destroy();
      return headers[":status"];
    };
    assert.equal(await ask(`localhost:${port}`), 200);
    assert.equal(await ask("evil.example"), 403);
  },
);
