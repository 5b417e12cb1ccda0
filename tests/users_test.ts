/**
 * What people who use such servers and clients complain of, in public, and where it is shown that
 * it goes otherwise here. A test names a thread in its own name or in a comment above it; this one
 * finds the complaints of which no test names a thread.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testNeeding } from "./support/needs.ts";

/** Complaints, each with threads about it; a test cites at least one of them. */
const COMPLAINTS: Record<string, string[]> = {
  // Of servers.
  "a refresh token renewed twice at once, or whose answer was lost, ended the sign-in": [
    "fastmcp#4265",
    "fastmcp#4901",
    "fastmcp#5037",
  ],
  "a sign-in every few minutes, or at each start": [
    "fastmcp#2670",
    "fastmcp#2534",
    "fastmcp#3581",
    "fastmcp#4252",
  ],
  "a call to the identity provider for each call of a tool": [
    "fastmcp#3543",
    "fastmcp#3285",
    "forgetful#12",
    "forgetful#31",
  ],
  "several replicas did not know each other's clients and sign-ins": [
    "fastmcp#2010",
    "fastmcp#2478",
    "fastmcp#482",
    "OSMO#1329",
  ],
  "a client was unknown after a restart and did not help itself": [
    "fastmcp#2027",
    "fastmcp#1762",
    "fastmcp#1732",
    "fastmcp#3398",
    "fastmcp#1919",
    "supabase/mcp#355",
  ],
  "a consent page that was rendered twice, or whose cookies grew, failed": [
    "fastmcp#4814",
    "fastmcp#4817",
    "fastmcp#3747",
    "google_workspace_mcp#830",
  ],
  "metadata was not where clients look for it": [
    "fastmcp#2077",
    "fastmcp#2287",
    "fastmcp#2527",
    "fastmcp#2793",
    "fastmcp#4166",
    "fastmcp#1348",
  ],
  "Claude did not take the server's metadata for what it offers": [
    "fastmcp#4205",
    "fastmcp#3949",
    "claude-code#37747",
    "claude-code#37767",
  ],
  "scopes that a client adds, such as offline_access, kept people out": [
    "fastmcp#1659",
    "fastmcp#3828",
    "claude-code#41610",
    "munin#744",
  ],
  "redirects were open by default": ["fastmcp#1558", "fastmcp#3037", "fastmcp#4406"],
  "an error in the WorkOS setup looked like any other": [
    "fastmcp#1392",
    "fastmcp#1699",
    "fastmcp#1787",
  ],
  "the grace for a lost answer was missing, or differed between nodes": [
    "fastmcp#4264",
    "workers-oauth-provider#214",
    "flowfuse#8273",
    "kody#2233",
  ],
  "a session that was dead at the provider was renewed for ever": [
    "cloudflare/mcp#137",
    "cloudflare/mcp#136",
    "workers-oauth-provider#315",
  ],
  "registrations piled up, or a cap on them locked people out": [
    "mcphub#1174",
    "lion-reader#975",
    "vault-cortex#483",
    "repo-harness#162",
    "activepieces#15016",
  ],
  "WorkOS's scopes, audience, organization and single-use tokens were misread": [
    "adcp#1138",
    "fastmcp#3407",
    "fastmcp#3204",
    "fastmcp#4134",
    "workos-node#1184",
    "workos-node#1100",
  ],

  // Of clients.
  "programs in parallel used one refresh token twice": [
    "opencode#34074",
    "claude-code#84440",
    "opencode#49439",
    "mcp-remote#351",
  ],
  "the loser of that race deleted the winner's tokens": ["gemini-cli#29048", "vercel/ai#20674"],
  "whatever went wrong with a refresh was the end of the sign-in": [
    "mcp-remote#318",
    "internxt/cli#645",
  ],
  "another port, and the redirect URI was wrong for ever": [
    "mcp-remote#72",
    "mcp2cli#54",
    "kimi-code#2620",
    "hermes-agent#65718",
  ],
  "localhost where it had to be 127.0.0.1, or the other way round": [
    "claude-code#86233",
    "mcp-remote#81",
    "mcpc#269",
  ],
  "a client id that the server has forgotten, and no word of it": [
    "claude-code#4760",
    "fastmcp#1762",
    "punkpeye/fastmcp#277",
    "mcp-pinot#139",
  ],
  "a sign-in for each new version of the program": ["mcp-remote#306", "mcp-remote#318"],
  "a damaged cache had to be deleted by hand": ["opencode#25008", "gemini-cli#13749"],
  "a lock outlived the program that was killed": ["hermes-agent#74381", "mcp-remote#39"],
  "two programs opened two pages, or one port": ["mcp-remote#306", "mcp-remote#68"],
  "a flood of tabs after a night": ["plane#8926", "mcp-server-neon#186"],
  "no way to sign in over SSH, in a container, in WSL": [
    "opencode#36386",
    "opencode#23951",
    "opencode#9081",
    "codex#8835",
    "hermes-agent#32053",
    "litellm#34848",
    "copilot-cli#3039",
    "mcp-remote#228",
  ],
  "no logout, or one that revokes nothing": [
    "inspector#2186",
    "pi-mcp-adapter#96",
    "basecamp-cli#713",
    "claude-code#76504",
    "fastmcp#5120",
  ],
  "clearing left old discovery behind": ["inspector#857"],
  "a 403 for a scope was ignored, or asked for again and again": [
    "claude-code#44652",
    "claude-code#28258",
    "modelcontextprotocol#2349",
  ],
  "an issuer or a resource with a slash more": [
    "python-sdk#1919",
    "opencode#50036",
    "mcp-auth-proxy#123",
  ],
  "where sign-ins are kept was unknown, and they were lost": [
    "fastmcp#2270",
    "fastmcp#4611",
    "opencode#35625",
  ],
  "one sign-in held up every request": ["python-sdk#3243"],
  "a browser came back to a port where nobody listened": ["mcp-remote#248"],
  "thirty seconds for a sign-in": ["mcp-remote#123"],
  "renewed tokens that could not be kept, and not a word": ["typescript-sdk#2149"],
  "a page that said all was well before it was": ["deepagents#4410"],
  "a program that may do anything": ["context7#7", "std#7185"],
};

/** What is not answered, and why. */
const LEFT_OUT: Record<string, string> = {
  "fastmcp#2436":
    "A look of one's own for the pages: they name the host, and their source is here.",
  "fastmcp#2377":
    "Choosing among scopes: the client chooses what to ask for, the person allows it.",
  "fastmcp#3472": "Showing on a page who signed in: `whoami`, `login` and `cache list` tell it.",
  "fastmcp#2867": "What the signing key is for: there is none to set, tokens are looked up.",
  "fastmcp#2386": "More parameters for the provider's token endpoint: WorkOS takes none.",
};

/** Tables such as this one, which show nothing. */
const TABLES = ["users_test.ts", "attacks_test.ts"];

const TESTS = fileURLToPath(new URL(".", import.meta.url));

async function* readTests(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* readTests(path);
    else if (name.endsWith("_test.ts") && !TABLES.includes(name)) {
      yield await Deno.readTextFile(path);
    }
  }
}

/** Whether a text has this thread as a whole: mcp-remote#3 is not in mcp-remote#306. */
function cites(text: string, thread: string): boolean {
  return new RegExp(`(?<![\\w/-])${RegExp.escape(thread)}(?!\\d)`).test(text);
}

testNeeding(
  { read: true },
  "what people complain of elsewhere is shown to go otherwise",
  async () => {
    const tests = (await Array.fromAsync(readTests(TESTS))).join("\n");
    const unanswered = Object.entries(COMPLAINTS)
      .filter(([, threads]) => !threads.some((thread) => cites(tests, thread)))
      .map(([complaint]) => complaint);
    const answeredAfterAll = Object.keys(LEFT_OUT).filter((thread) => cites(tests, thread));
    assert.deepEqual({ unanswered, answeredAfterAll }, { unanswered: [], answeredAfterAll: [] });
  },
);

Deno.test("a thread is cited as a whole", () => {
  assert.ok(cites("// mcp-remote#306, mcp-remote#68: two pages", "mcp-remote#68"));
  assert.ok(!cites("mcp-remote#306", "mcp-remote#30"));
  assert.ok(!cites("punkpeye/fastmcp#277", "fastmcp#277"));
});
