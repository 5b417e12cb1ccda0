import assert from "node:assert/strict";
import { readConfig } from "../lib/config.ts";
import { isLoopbackHost } from "../lib/loopback.ts";

const HOSTS: [hostname: string, loopback: boolean][] = [
  ["localhost", true],
  ["app.localhost", true],
  ["127.0.0.1", true],
  ["127.255.0.9", true],
  ["[::1]", true],
  ["::1", true],
  ["localhost.example", false],
  ["notlocalhost", false],
  ["127.0.0.1.example", false],
  ["127.0.0", false],
  ["128.0.0.1", false],
  ["0.0.0.0", false],
  ["[::]", false],
  ["", false],
];

for (const [hostname, loopback] of HOSTS) {
  Deno.test(`${JSON.stringify(hostname)} is ${loopback ? "" : "not "}this machine, for server and client alike`, () => {
    assert.equal(isLoopbackHost(hostname), loopback);
  });
}

Deno.test("a server below localhost listens on localhost, which every system can resolve", () => {
  const config = readConfig({ WORKOS_BASE_URL: "http://app.localhost:8000" });
  assert.ok(config.loopback);
  assert.deepEqual(config.listen, { hostname: "localhost", port: 8000 });
});
