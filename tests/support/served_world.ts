/** A world on a port, for clients that are processes of their own; its clock is still the test's. */

import { approve } from "./oauth_client.ts";
import { findFreePort } from "./server_process.ts";
import { createWorld, type World } from "./world.ts";

/** A world that listens. */
export interface ServedWorld {
  world: World;
  /** The MCP endpoint. */
  url: string;
  /**
   * Somebody who reads what a client prints and signs in as Alice at each authorization URL in it,
   * which leads back to where the client waits.
   */
  createPerson: () => Person;
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** See {@link ServedWorld.createPerson}. */
export interface Person {
  read: (text: string) => void;
  /** How often, once every sign-in begun has ended. */
  countSignIns: () => Promise<number>;
}

/** Serves a world of its own on a free port. */
export async function serveWorld(): Promise<ServedWorld> {
  const port = findFreePort();
  const baseUrl = `http://localhost:${port}`;
  const world = await createWorld({ env: { WORKOS_BASE_URL: baseUrl } });
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, (request) => {
    return world.fetch(request);
  });

  async function signIn(authorizationUrl: string): Promise<void> {
    const end = await approve(world.browser(), authorizationUrl);
    const page = await fetch(end.url);
    await page.body?.cancel();
  }

  return {
    world,
    url: `${baseUrl}/mcp`,
    createPerson() {
      const signIns = new Map<string, Promise<void>>();
      let seen = "";
      return {
        read(text) {
          seen += text;
          for (const [url] of seen.matchAll(/http:\S+\/authorize\?\S+(?=\s)/g)) {
            if (!signIns.has(url)) signIns.set(url, signIn(url));
          }
        },
        async countSignIns() {
          await Promise.all(signIns.values());
          return signIns.size;
        },
      };
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
