/** The whole command line on a terminal without a browser, in this process. */

import assert from "node:assert/strict";
import { main } from "../../client.ts";
import { setDeadline } from "../../lib/client/deadline.ts";
import { createFakeServer } from "../support/fake_authorization_server.ts";
import { testNeeding } from "../support/needs.ts";
import { withTempDirectory } from "../support/temp_directory.ts";
import { createTestClient } from "./support.ts";

testNeeding(
  { read: true, write: true },
  "arguments from a pipe do not make a terminal one without a person",
  () =>
    withTempDirectory(async (directory) => {
      const server = createFakeServer();
      const { context } = createTestClient(server);
      const written = { stdout: "", stderr: "" };
      const variables: Record<string, string> = {
        MCP_CLIENT_CACHE_DIR: `${directory}/cache`,
        container: "podman",
      };
      const stream = (name: "stdout" | "stderr") => ({
        isTerminal: name === "stderr",
        write(text: string) {
          written[name] += text;
          if (!text.startsWith("The browser could not be opened")) return;
          const url = /^Sign in at: (.*)$/m.exec(written.stderr)?.[1] ?? "";
          setTimeout(() => context.openBrowser?.(new URL(url)));
        },
      });
      const code = await main(["call", "echo", "--input", "-", server.url], {
        env: (name) => variables[name],
        fileExists: () => false,
        os: "linux",
        stdout: stream("stdout"),
        stderr: stream("stderr"),
        readInput: () => Promise.resolve('{"message":"from a pipe"}'),
        fetch: context.fetch,
        now: Date.now,
        setDeadline,
        random: context.random,
        listen: context.listen,
        spawn: () => Promise.reject(new Error("no such program")),
        signal: context.signal,
      });
      assert.equal(code, 0, written.stderr);
      assert.equal(written.stdout, "from a pipe\n");
      assert.match(written.stderr, /^Opening that address in the browser\.$/m);
      assert.match(written.stderr, /Open the address above yourself\.\n.*This is a container/);
      assert.match(written.stderr, /Waiting for the sign-in in the browser; Ctrl-C ends it\./);
    }),
);
