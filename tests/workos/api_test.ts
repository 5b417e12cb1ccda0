/** API keys: two at a time, and new ones without a restart. */

import assert from "node:assert/strict";
import { UnavailableError, WorkOSSetupError } from "../../lib/errors.ts";
import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { createWorkOSApi, type WorkOSApi } from "../../lib/workos/api.ts";
import type { ApiKeys } from "../../lib/workos/config.ts";
import { createEmulator, emulatorCredentials } from "../../lib/workos/emulator/emulator.ts";
import { testNeeding } from "../support/needs.ts";
import { approve, authorizationUrl, createPkce, REDIRECT_URI } from "../support/oauth_client.ts";
import { findFreePort, PROCESS_NEEDS, startServerProcess } from "../support/server_process.ts";
import { withTempDirectory } from "../support/temp_directory.ts";

interface Fake {
  api: WorkOSApi;
  /** The key of each request. */
  presented: string[];
  /** The key that WorkOS accepts now. */
  accept: (key: string) => void;
  /** How often the keys were read again. */
  countReloads: () => number;
}

/** A WorkOS that accepts one key, or has nothing to say. */
function createFake(keys: ApiKeys, reloaded?: ApiKeys, status = 401): Fake {
  const presented: string[] = [];
  let accepted = "sk_good";
  let reloads = 0;
  const api = createWorkOSApi({
    config: {
      apiUrl: "https://api.workos.test",
      credentials: { clientId: "client_1", apiKeys: keys },
    },
    fetch: (input, init) => {
      const { headers } = new Request(input, init);
      const key = headers.get("authorization")?.replace("Bearer ", "") ?? "";
      presented.push(key);
      return Promise.resolve(
        key === accepted
          ? Response.json({ object: "list", data: [], list_metadata: {} })
          : Response.json({ message: "no" }, { status }),
      );
    },
    reloadApiKeys: () => {
      reloads++;
      return reloaded;
    },
  });
  return { api, presented, accept: (key) => accepted = key, countReloads: () => reloads };
}

const list = ({ api }: Fake) =>
  api.call("manage", ({ organizations }) => organizations.listOrganizations());

Deno.test("of two API keys, the first that WorkOS accepts is used", async () => {
  const fake = createFake(["sk_new", "sk_good"]);
  await list(fake);
  assert.deepEqual(fake.presented, ["sk_new", "sk_good"]);
  assert.equal(fake.countReloads(), 0);
});

Deno.test("keys that are all refused are read again, and the new ones stay in use", async () => {
  const fake = createFake(["sk_old"], ["sk_good"]);
  await list(fake);
  await list(fake);
  assert.deepEqual(fake.presented, ["sk_old", "sk_good", "sk_good"]);
  assert.equal(fake.countReloads(), 1);
});

Deno.test("calls at the same moment all go on with the keys that one of them has read", async () => {
  const fake = createFake(["sk_old"], ["sk_good"]);
  await Promise.all([list(fake), list(fake), list(fake)]);
  assert.deepEqual(fake.presented.toSorted(), [
    ...Array<string>(3).fill("sk_good"),
    ...Array<string>(3).fill("sk_old"),
  ]);
  assert.equal(fake.countReloads(), 1);
});

Deno.test("keys that have not changed are not tried twice", async () => {
  const fake = createFake(["sk_old"], ["sk_old"]);
  await assert.rejects(list(fake), WorkOSSetupError);
  assert.deepEqual(fake.presented, ["sk_old"]);
});

Deno.test("an outage is no reason to look for another key", async () => {
  const fake = createFake(["sk_old", "sk_other"], ["sk_good"], 503);
  await assert.rejects(list(fake), UnavailableError);
  assert.deepEqual(fake.presented, ["sk_old"]);
  assert.equal(fake.countReloads(), 0);
});

testNeeding(
  PROCESS_NEEDS,
  "a key is rotated in its file without a restart, and nobody is turned away",
  () =>
    withTempDirectory(async (directory) => {
      const port = findFreePort();
      const apiUrl = `http://127.0.0.1:${port}`;
      const url = `http://localhost:${findFreePort()}`;
      const emulator = createEmulator({
        origin: apiUrl,
        now: Date.now,
        redirectUris: [`${url}/auth/callback`],
      });
      let accepted = "sk_one";
      const workos = Deno.serve(
        { hostname: "127.0.0.1", port, onListen() {} },
        async (request) => {
          // The emulator has one key; here it answers to the accepted one instead.
          const translate = (text: string) =>
            text.replaceAll(/sk_\w+/g, (key) => key === accepted ? emulatorCredentials.apiKey : "");
          const headers = new Headers(request.headers);
          headers.set("authorization", translate(headers.get("authorization") ?? ""));
          headers.delete("content-length");
          const body = request.body && translate(await request.text());
          return await emulator.fetch(
            new Request(request.url, { method: request.method, headers, body }),
          );
        },
      );
      const file = `${directory}/key`;
      await Deno.writeTextFile(file, "sk_one\n");
      await using server = await startServerProcess({
        WORKOS_BASE_URL: url,
        WORKOS_API_URL: apiUrl,
        WORKOS_CLIENT_ID: emulatorCredentials.clientId,
        WORKOS_API_KEY_FILE: file,
      });
      assert.match(await signIn(server.url), /code=/);
      accepted = "sk_two";
      await Deno.writeTextFile(file, "sk_two\n");
      assert.match(await signIn(server.url), /code=/);
      await workos.shutdown();
    }),
);

/** Where a sign-in ends. */
async function signIn(url: string): Promise<string> {
  const registration = await fetch(`${url}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
  });
  const { client_id } = await registration.json();
  const { search } = new URL(authorizationUrl({
    client_id,
    code_challenge: createPkce().challenge,
    resource: undefined,
  }));
  const browser = createScriptedBrowser({
    fetch: (request) => fetch(request, { redirect: "manual" }),
    stopAt: (target) => target.startsWith(REDIRECT_URI),
  });
  return (await approve(browser, `${url}/authorize${search}`)).url;
}
