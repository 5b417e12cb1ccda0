import assert from "node:assert/strict";
import { parseArguments } from "../../lib/client/arguments.ts";
import { type Command, COMMANDS, usage } from "../../lib/client/usage.ts";
import { ExitCode } from "../../lib/errors.ts";

const noEnvironment = () => undefined;

// mcp-remote#123: thirty seconds were too short to find a password.
Deno.test("without words: the default server, a browser, five minutes", () => {
  assert.deepEqual(parseArguments([], noEnvironment), {
    command: "connect",
    help: false,
    json: false,
    debug: false,
    browser: true,
    url: "http://localhost:8000/mcp",
    urlNamed: false,
    words: [],
    input: undefined,
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
    "--json --debug";
  assert.deepEqual(parseArguments(words.split(" "), noEnvironment), {
    command: "connect",
    help: false,
    json: true,
    debug: true,
    browser: false,
    url: "https://x.example/mcp",
    urlNamed: true,
    words: [],
    input: undefined,
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

/** What a command line with two variables of the environment makes of the client. */
function clientOf(words: string, variables: Record<string, string>): unknown {
  const { settings } = parseArguments(words.split(" "), (name) => variables[name]);
  return [settings.clientId, settings.clientSecret];
}

Deno.test("a client registered beforehand can be named in the environment", () => {
  const both = { MCP_CLIENT_ID: "kept", MCP_CLIENT_SECRET: "hush" };
  assert.deepEqual(clientOf("tools", both), ["kept", "hush"]);
  assert.deepEqual(clientOf("tools --client-id kept", both), ["kept", "hush"]);
  assert.deepEqual(clientOf("tools --client-id other", both), ["other", undefined]);
  assert.deepEqual(clientOf("tools --client-metadata-url https://x.example/c", both), [
    undefined,
    undefined,
  ]);
  const secret = { MCP_CLIENT_SECRET: "hush" };
  assert.deepEqual(clientOf("tools --client-id other", secret), ["other", "hush"]);
  assert.throws(() => clientOf("tools", secret), {
    code: "usage",
    message: /^MCP_CLIENT_SECRET needs MCP_CLIENT_ID/,
  });
  assert.deepEqual(clientOf("cache list", secret), [undefined, undefined]);
});

Deno.test("a bad MCP_SERVER_URL is named, where it would be used", () => {
  const env = (name: string) => name === "MCP_SERVER_URL" ? "mcp.example" : undefined;
  assert.throws(() => parseArguments(["tools"], env), {
    code: "usage",
    exitCode: ExitCode.usage,
    message: /^MCP_SERVER_URL: The server has to be an http or https URL/,
  });
  for (const words of [["tools", "https://x.example/mcp"], ["cache", "clear"], ["cache", "list"]]) {
    parseArguments(words, env);
  }
});

const misuses: [string, RegExp][] = [
  ["--nonsense", /Unknown option '--nonsense'/],
  ["--url", /url/],
  ["--json=yes", /json/],
  ["frobnicate", /"frobnicate" is not a command\. /],
  ["toosl", /"toosl" is not a command; did you mean "tools"\?/],
  ["logot", /did you mean "logout"\?/],
  ["cache", /"cache list" or "cache clear"/],
  ["cache lst", /did you mean "cache list"\?/],
  ["tools extra", /"tools" does not take "extra"/],
  ["call", /needs the name of a tool/],
  ["call echo a=b --input {}", /exclude each other/],
  ["tools --input {}", /"tools" does not take --input/],
  ["cache list --scope openid", /"cache list" does not take --scope/],
  ["logout --timeout 5", /"logout" does not take --timeout/],
  ["doctor --timeout 5", /"doctor" does not take --timeout/],
  ["--input {}", /--input needs a command/],
  ["--callbak-port 1", /Unknown option '--callbak-port'; did you mean "--callback-port"\?/],
  ["localhost:8000/mcp", /not a command/],
  ["http://a.example http://b.example", /twice/],
  ["http://a.example --url http://b.example", /twice/],
  ["--callback-host example.com", /--callback-host/],
  ["--callback-host 0.0.0.0", /--callback-host/],
  ["--callback-port 0", /--callback-port/],
  ["--callback-port 99999", /--callback-port/],
  ["--timeout soon", /--timeout/],
  ["--timeout 0", /--timeout/],
  ["--timeout 1e9", /--timeout/],
  ["--client-secret hush", /needs --client-id/],
  ["--client-id ", /--client-id must not be empty/],
  ["--client-id id --client-secret ", /--client-secret must not be empty/],
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

for (const words of ["tools https://x.example/mcp", "https://x.example/mcp tools"]) {
  Deno.test(`"${words}": the word with :// is the server, wherever it stands`, () => {
    const { command, url, urlNamed } = parseArguments(words.split(" "), noEnvironment);
    assert.deepEqual(
      { command, url, urlNamed },
      { command: "tools", url: "https://x.example/mcp", urlNamed: true },
    );
  });
}

Deno.test("a tool's argument may hold a URL", () => {
  const words = ["call", "fetch", "url=https://a.example", "https://x.example/mcp"];
  const args = parseArguments(words, noEnvironment);
  assert.deepEqual(args.words, ["fetch", "url=https://a.example"]);
  assert.equal(args.url, "https://x.example/mcp");
});

Deno.test("MCP_SERVER_URL does not limit what is cleared", () => {
  const env = (name: string) => name === "MCP_SERVER_URL" ? "https://env.example/mcp" : undefined;
  assert.equal(parseArguments(["cache", "clear"], env).urlNamed, false);
});

Deno.test("--help, -h and help ask for help, whatever else is missing", () => {
  for (const words of ["call --help", "call -h", "help call"]) {
    const { command, help } = parseArguments(words.split(" "), noEnvironment);
    assert.deepEqual({ command, help }, { command: "call", help: true });
  }
});

for (const command of Object.keys(COMMANDS) as Command[]) {
  Deno.test(`the help of "${command}" has an example that works, and fits a terminal`, () => {
    const lines = usage(command).split("\n");
    for (const line of lines) assert(line.length <= 100, line);
    const example = lines.find((line) => line.startsWith("Example: deno task client "));
    const words = example?.replace("Example: deno task client ", "").replaceAll('"', "") ?? "";
    const given = parseArguments(words.split(/ (?!there)/), noEnvironment);
    assert.equal(given.command, command);
  });
}
