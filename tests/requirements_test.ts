/**
 * Each requirement of the MCP specification (2026-07-28, and OAuth where it refers to it) has a test
 * that cites it, in its name or above it, by the full number: `RS-4, RS-5`. A range does not count,
 * so that a search for a number finds what shows it.
 *
 * RS: resource server. AS: authorization server. CD: a proxy must not be a confused deputy.
 * SSRF: fetching what strangers name. DNS: DNS rebinding. TR: Streamable HTTP.
 * CL: client.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testNeeding } from "./support/needs.ts";

/** How many numbers each part has, from 1. */
const REQUIREMENTS = { RS: 23, AS: 28, CD: 16, SSRF: 1, DNS: 1, TR: 20, CL: 38 };

/** What is not offered, and so has nothing to show. */
const LEFT_OUT: Record<string, string> = {
  "RS-23": "There is no stdio server; that the HTTP one conforms is what all the others say.",
  "AS-27": "Optional: no client of a loopback redirect URI has an attestation to offer.",
  "AS-28": "Optional: any https host may publish a client; the consent page names the host.",
  "TR-18": "No requestState is made or read here: a tool that wants one has to seal its own.",
};

const NUMBER = /\b(?:RS|AS|CD|SSRF|DNS|TR|CL)-\d+\b/g;
const RANGE = /\b[A-Z]+-\d+ ?(?:to|[-–…]) ?[A-Z]+-\d+\b/g;

const TESTS = fileURLToPath(new URL(".", import.meta.url));

async function* findTests(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* findTests(`${folder}/${name}`);
    else if (name.endsWith("_test.ts") && name !== "requirements_test.ts") {
      yield `${folder}/${name}`;
    }
  }
}

testNeeding(
  { read: true },
  "each requirement has a test that cites it, or a reason why it has none",
  async () => {
    const known = Object.entries(REQUIREMENTS).flatMap(([part, count]) =>
      Array.from({ length: count }, (_, i) => `${part}-${i + 1}`)
    );
    const cited = new Set<string>();
    for await (const path of findTests(TESTS)) {
      const text = (await Deno.readTextFile(path)).replaceAll(RANGE, "");
      for (const [number] of text.matchAll(NUMBER)) cited.add(number);
    }
    const explained = Object.keys(LEFT_OUT);
    assert.deepEqual({
      withoutTest: known.filter((number) => !cited.has(number) && !explained.includes(number)),
      testedAfterAll: explained.filter((number) => cited.has(number)),
      unknown: [...cited, ...explained].filter((number) => !known.includes(number)),
    }, { withoutTest: [], testedAfterAll: [], unknown: [] });
  },
);
