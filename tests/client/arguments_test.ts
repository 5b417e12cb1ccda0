import assert from "node:assert/strict";
import { parseArguments, usage } from "../../lib/client/arguments.ts";
import { ExitCode } from "../../lib/errors.ts";

const noEnvironment = () => undefined;

Deno.test("without words: the default server, a browser, five minutes", () => {
  assert.deepEqual(parseArguments([], noEnvironment), {
    help: false,
    json: false,
    debug: false,
    browser: true,
    url: "http://localhost:8000/mcp",
    settings: {
      scope: undefined,
      clientId: undefined,
      clientSecret: undefined,
      clientMetadataUrl: undefined,
      callbackHost: "127.0.0.1",
      callbackPort: undefined,
      timeout: 300_000,
    },
  });
});

Deno.test("every option is understood", () => {
  const words = "--url https://x.example/mcp --no-browser --callback-host [::1] " +
    "--callback-port 8765 --scope openid --client-id id --client-secret hush --timeout 0.5 " +
    "--json --debug --help";
  assert.deepEqual(parseArguments(words.split(" "), noEnvironment), {
    help: true,
    json: true,
    debug: true,
    browser: false,
    url: "https://x.example/mcp",
    settings: {
      scope: "openid",
      clientId: "id",
      clientSecret: "hush",
      clientMetadataUrl: undefined,
      callbackHost: "::1",
      callbackPort: 8765,
      timeout: 500,
    },
  });
});

Deno.test("the argument comes before MCP_SERVER_URL, which comes before the default", () => {
  const env = (name: string) => name === "MCP_SERVER_URL" ? "https://env.example/mcp" : undefined;
  assert.equal(parseArguments([], env).url, "https://env.example/mcp");
  assert.equal(parseArguments(["https://x.example/mcp"], env).url, "https://x.example/mcp");
});

const misuses: [string, RegExp][] = [
  ["--nonsense", /Unknown option '--nonsense'/],
  ["--url", /url/],
  ["--json=yes", /json/],
  ["frobnicate", /"frobnicate" is not a command/],
  ["localhost:8000/mcp", /not a command/],
  ["http://a.example http://b.example", /not a command/],
  ["http://a.example --url http://b.example", /twice/],
  ["--callback-host example.com", /--callback-host/],
  ["--callback-host 0.0.0.0", /--callback-host/],
  ["--callback-port 0", /--callback-port/],
  ["--callback-port 99999", /--callback-port/],
  ["--timeout soon", /--timeout/],
  ["--timeout 0", /--timeout/],
  ["--timeout 1e9", /--timeout/],
  ["--client-secret hush", /needs --client-id/],
  ["--client-metadata-url http://localhost/client.json", /https/],
  ["--client-metadata-url https://x.example/c --client-id id", /exclude/],
];
for (const [words, message] of misuses) {
  Deno.test(`"${words}" is a usage error`, () => {
    assert.throws(() => parseArguments(words.split(" "), noEnvironment), {
      code: "usage",
      exitCode: ExitCode.usage,
      message,
    });
  });
}

Deno.test("a secret given wrongly is not repeated", () => {
  assert.throws(() => parseArguments(["--client-secret", "hush"], noEnvironment), (error) => {
    assert(!String(error).includes("hush"));
    return true;
  });
});

Deno.test("the usage text fits a terminal", () => {
  for (const line of usage().split("\n")) assert(line.length <= 100, line);
});
