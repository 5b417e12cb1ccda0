/**
 * What went wrong in other MCP servers and clients, and where each of it is tried here. A test names
 * what it tries, in its own name or in a comment above it; this one finds what no test names.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testNeeding } from "./support/needs.ts";

/** Advisories, commits and issues by their public id, each with what happened. */
const ATTACKS: Record<string, string> = {
  // Consent and the browser.
  "GHSA-c2jp-c369-7pvx": "consent remembered upstream served every client",
  "GHSA-rww4-4w9c-7733": "one browser consented, another came back",
  "CVE-2026-27124": "the same, by its other id",
  "fastmcp 8fdb3cc27": "a form of the attacker's, posted by the victim",
  "GHSA-6x8h-498w-gv8c": "consent remembered here let requests through unseen",
  "fastmcp triage policy": "registration is open, so consent has to show the target",
  "fastmcp 3ef913026": "cookies without a bound",
  "fastmcp 19d9360cc": "a page rendered twice lost its first form",
  "fastmcp 6aff9c94b": "form-action blocked an app's own scheme",
  "fastmcp 463b33694": "the same, again",
  "fastmcp 48fc8cbc9": "an absolute form action",
  "fastmcp 799c4f167": "markup in a client id",
  "fastmcp 95edc1d2f": "other scopes shown than granted",
  "CVE-2025-62800": "markup in an error description",
  "GHSA-gh95-xx4q-qch8": "markup from outside on a page",
  "GHSA-pf93-j98v-25pv": "markup from outside on a page",
  "hermes-agent#92612": "markup from outside on a page",
  "deno_kv_oauth success_url": "a query parameter decided where to go",

  // Clients and redirect URIs.
  "fastmcp 76f054e95": "what the allow-list refused was tried elsewhere",
  "fastmcp ad3b1b9d1": "a metadata document went around the rules",
  "fastmcp 1e67c53a1": "dot segments",
  "fastmcp 67527c1f6": "schemes that run something",
  "workers-oauth-provider#97": "schemes that run something",
  "GHSA-q9xg-f2v2-695g": "schemes that run something",
  "punkpeye/fastmcp#346": "user info that looks like a host",
  "punkpeye/fastmcp#262": "the upstream secret given to every client",
  "fastmcp cccb529f5": "any redirect URI would do",
  "fastmcp 204e56622": "the loopback port was fixed",
  "fastmcp b07f9ce9a": "application_type without effect",
  "fastmcp eb1426251": "an unknown client was made up",
  "CVE-2025-4143": "the redirect URI was checked too late",
  "CVE-2025-4144": "PKCE could be left out",
  "better-auth#10637": "a second way to a code did without PKCE",
  "better-auth#10646": "an answer was the stored row",

  // Tokens and scopes.
  "CVE-2025-69196": "tokens for other resources",
  "fastmcp 330eaed11": "upstream tokens given to clients",
  "fastmcp bb37c3bb6": "a refresh token passed as an access token",
  "fastmcp-ts token formats": "all tokens looked alike",
  "fastmcp b8c37bfa8": "required scopes were granted to everybody",
  "fastmcp 3bea192c8": "asked for counted as granted",
  "fastmcp 901d8cdd6": "HMAC with a public key",
  "fastmcp 5ed14650a": "HMAC with a public key",
  "fastmcp 61f3feec6": "an expiry of zero was none",
  "fastmcp 216f43d0b": "tokens of any application of the provider",
  "fastmcp 1708e53d9": "tokens of any application of the provider",
  "fastmcp 822c82c93": "tokens of any application of the provider",
  "fastmcp 01ecc9180": "refresh tokens in memory, readable",
  "fastmcp 5a9505076": "a lifetime that did not fit the others",
  "fastmcp f7c89e263": "a lifetime that did not fit the others",
  "fastmcp 151b0ae46": "a lifetime that did not fit the others",
  "fastmcp 32dfe50f3": "a lifetime that did not fit the others",
  "fastmcp 2d6143c6d": "a lifetime that did not fit the others",
  "fastmcp 52feff687": "401 although the session could be renewed",
  "fastmcp 10fb217f7": "the status of invalid_grant",
  "CVE-2025-69872": "stored data that ran as code",
  "fastmcp-ts storage key": "a key that was gone after a restart",

  // The protected endpoint.
  "CVE-2026-52869": "a session id was enough",
  "CVE-2026-52870": "tasks of others by their id",
  "CVE-2026-59950": "WebSockets of any origin",
  "CVE-2025-66414": "DNS rebinding",
  "CVE-2026-25536": "one transport for all callers",
  "CVE-2026-0621": "a URI that took for ever to match",
  "fastmcp feaae683a": "events of another session",
  "xmcp": "another spelling of the path went around the gate",

  // Names, discovery, upstream and the network.
  "fastmcp 7f2d034f4": "upstream errors never reached the client",
  "fastmcp 67e844838": "iss twice, a query encoded anew",
  "fastmcp a42faab78": "an issuer with a slash more",
  "fastmcp 0c1c42f15": "an issuer with a slash more",
  "fastmcp fbee629ed": "advertised and not working",
  "fastmcp 1fca15abe": "one unknown key ended every sign-in",
  "fastmcp a61284622": "discovery held the start up",
  "fastmcp 57a279928": "the Host check blocked the honest",
  "fastmcp 4ad78a60e": "so it was switched off",
  "fastmcp 5de15e0c2": "private addresses inside public ones",
  "fastmcp c1b0396c0": "private addresses inside public ones",
  "fastmcp 2899ffb6f": "a pinned address and a proxy",
  "fastmcp 801385df4": "a lock kept for everybody",
  "fastmcp 53b20168c": "connections never closed",
  "CVE-2026-32597": "a critical header nobody knew",
  "CVE-2026-27962": "a key from the header of what it signs",
  "CVE-2025-61920": "a JWT of any size was decoded",
  "CVE-2026-48710": "a Host header with a path in it",

  // The command-line client.
  "CVE-2025-6514": "a server's URL on a command line",
  "wong2/mcp-cli#16": "a server's URL on a command line",
  "codex#37077": "a server's URL on a command line",
  "openwiki#450": "cmd /c start",
  "mcporter#242": "cmd /c start",
  "claude-code#78248": "cmd /c start",
  "CVE-2025-49596": "a local listener that obeyed any page",
  "CVE-2025-58444": "a script as address of the sign-in page",
  "GHSA-g9hg-qhmf-q45m": "a script as address of the sign-in page",
  "fastmcp 544f07265": "the last answer won",
  "fastmcp 981a69d83": "a secret that had run out, again and again",
  "fastmcp faef74b37": "a lifetime counted anew after a restart",
  "fastmcp 650b103db": "a lock that was never given back",
  "fastmcp e58f386ba": "a refresh that failed without a trace",
};

/** What cannot happen here, and why. */
const NOT_APPLICABLE: Record<string, string> = {
  "CVE-2025-62801": "names in installers' commands: nothing is installed into other programs",
  "CVE-2025-64340": "names in installers' commands: nothing is installed into other programs",
  "GHSA-vv7q-7jx5-f767": "tools made from an OpenAPI document: there are none",
  "CVE-2026-32871": "tools made from an OpenAPI document: there are none",
  "CVE-2026-24486": "in python-multipart, a Python package; no endpoint reads multipart",
};

/** Requirements of MCP 2026-07-28 that a server is attacked through when it does not keep them. */
const REQUIREMENTS = [
  ...Array.from({ length: 16 }, (_, index) => `CD-${index + 1}`),
  "SSRF-1",
  "DNS-1",
];

const TESTS = fileURLToPath(new URL(".", import.meta.url));
const OWN = fileURLToPath(import.meta.url);

async function* tests(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* tests(path);
    else if (name.endsWith("_test.ts") && !OWN.endsWith(`/${name}`)) {
      yield await Deno.readTextFile(path);
    }
  }
}

/** Whether a text has this id as a whole: CD-1 is not in CD-11. */
function cites(text: string, id: string): boolean {
  return new RegExp(`(?<![\\w/-])${RegExp.escape(id)}(?![\\w-])`).test(text);
}

testNeeding({ read: true }, "every attack known from elsewhere is tried by a test", async () => {
  const all = (await Array.fromAsync(tests(TESTS))).join("\n");
  const missing = [...Object.keys(ATTACKS), ...REQUIREMENTS].filter((id) => !cites(all, id));
  assert.deepEqual(missing, []);
});

Deno.test("an attack either applies or has a reason why not", () => {
  for (const [id, reason] of Object.entries(NOT_APPLICABLE)) {
    assert.ok(!(id in ATTACKS), id);
    assert.match(reason, /\w/);
  }
});

Deno.test("a longer id is not taken for a shorter one", () => {
  assert.ok(cites("tests (CD-1, CD-3)", "CD-1"));
  assert.ok(!cites("CD-11", "CD-1"));
  assert.ok(!cites("CVE-2026-06210", "CVE-2026-0621"));
  assert.ok(!cites("punkpeye/fastmcp#346", "fastmcp#346"));
});
