import assert from "node:assert/strict";
import { join } from "node:path";
import { SettingsError } from "../../lib/errors.ts";
import { openStore } from "../../lib/store/open_store.ts";
import { openSqlite } from "../../lib/store/sqlite.ts";
import { createSqlStore } from "../../lib/store/sql_store.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { authorizationUrl, createPkce, post, register, signIn } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

const FILES = { read: true, write: true } as const;

testNeeding(
  FILES,
  "the database is readable by its owner only",
  () =>
    withTempDirectory(async (directory) => {
      const path = join(directory, "data", "store.db");
      const store = await openStore({ kind: "sqlite", path });
      await store.getSecret("a", "b");
      for (const name of ["data", "data/store.db", "data/store.db-wal"]) {
        const { mode } = await Deno.stat(join(directory, name));
        assert.equal((mode ?? 0) & 0o077, 0, name);
      }
      await store.close();
    }),
);

testNeeding(
  FILES,
  "a store that cannot be opened is a settings problem that names the fix",
  () =>
    withTempDirectory(async (directory) => {
      await Deno.writeTextFile(join(directory, "file"), "no database".repeat(1000));
      for (const path of [join(directory, "file", "store.db"), join(directory, "file")]) {
        await assert.rejects(
          openStore({ kind: "sqlite", path }),
          (error) => error instanceof SettingsError && /STORE_URL/.test(error.message),
        );
      }
    }),
);

testNeeding(
  FILES,
  "a database of a newer version is refused with a clear message",
  () =>
    withTempDirectory(async (directory) => {
      const path = join(directory, "store.db");
      const database = openSqlite(path);
      await (await createSqlStore(database)).ping();
      await database.run("INSERT INTO schema_version (version) VALUES ($1)", [99]);
      await database.close();
      await assert.rejects(openStore({ kind: "sqlite", path }), /newer version of this server/);
    }),
);

// fastmcp 01ecc9180: refresh tokens lay in the memory of one process, readable.
testNeeding(
  FILES,
  "a thief of the database file reads no token and no e-mail address (RS-13, AS-17)",
  () =>
    withTempDirectory(async (directory) => {
      const store = await openStore({ kind: "sqlite", path: join(directory, "store.db") });
      const seen: string[] = [];
      const world = await createWorld({ store });
      world.faults.workos = async (request) => {
        const response = await world.emulator.fetch(request);
        if (request.url.endsWith("/authenticate")) seen.push(await response.clone().text());
        return response;
      };
      const { clientId, tokens, code, verifier } = await signIn(world);
      // As much as a running server has: a renewed session, exchanged tokens, an open sign-in.
      world.advance(6 * 60_000);
      const refreshed = await (await post(world, "/token", {
        grant_type: "refresh_token",
        client_id: clientId,
        refresh_token: tokens.refresh_token,
      })).json();
      const { client_id, client_secret } = await register(world, {
        token_endpoint_auth_method: "client_secret_post",
      });
      const browser = world.browser();
      const consent = await browser.visit(authorizationUrl({
        client_id,
        code_challenge: createPkce().challenge,
        state: "state-of-the-client",
        login_hint: "somebody@globex.test",
      }));
      await browser.submit(consent, { decision: "approve" });

      const issued = [tokens, refreshed].flatMap((answer) => [
        answer.access_token,
        answer.refresh_token,
      ]);
      const fromWorkOS = seen.map((text) => JSON.parse(text)).flatMap((answer) => [
        answer.access_token,
        answer.refresh_token,
        answer.refresh_token.split(".")[1],
        answer.user.email,
      ]);
      assert.equal(fromWorkOS.length, 8);
      const secrets = [...issued, code, verifier, String(client_secret)]
        .flatMap((token) => [token, token.slice(-43)])
        .concat(fromWorkOS, "acme.test", "globex.test", "state-of-the-client");
      let bytes = "";
      for await (const { name } of Deno.readDir(directory)) {
        bytes += new TextDecoder("latin1").decode(await Deno.readFile(join(directory, name)));
      }
      assert.ok(bytes.includes("user_alice"), "the file is the right one");
      for (const secret of secrets) assert.ok(!bytes.includes(secret), "a secret is in the file");
      await store.close();
    }),
);
