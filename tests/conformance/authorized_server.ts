/** The MCP server on a port, for clients that cannot send a token. */

import { signIn } from "../support/oauth_client.ts";
import { createWorld, SERVER } from "../support/world.ts";

/** A server that listens. */
export interface AuthorizedServer {
  url: string;
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Serves a world of its own; each request gets the access token of somebody signed in. */
export async function serveAuthorized(): Promise<AuthorizedServer> {
  const world = await createWorld();
  const { tokens } = await signIn(world);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const headers = new Headers(request.headers);
    headers.set("authorization", `Bearer ${tokens.access_token}`);
    // The server is told its own port; a forged host stays what it is.
    for (const name of ["host", "origin"]) {
      const value = headers.get(name);
      if (value !== null) headers.set(name, value.replace(host, new URL(SERVER).host));
    }
    const { method, body } = request;
    const { pathname } = new URL(request.url);
    return world.fetch(new Request(`${SERVER}${pathname}`, { method, headers, body }));
  });
  const host = `localhost:${server.addr.port}`;
  return {
    url: `http://${host}/mcp`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
