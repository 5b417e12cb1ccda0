/** Which commands and options there are, and what `--help` says about them. */

/** How long a sign-in waits for the person unless `--timeout` says otherwise, in seconds. */
export const DEFAULT_TIMEOUT = "300";

/** The server of a command line that names none. */
export const DEFAULT_URL = "http://localhost:8000/mcp";

/** Where the browser comes back to unless `--callback-host` says otherwise. */
export const CALLBACK_HOST = "127.0.0.1";

/** Where the browser may come back to. */
export const CALLBACK_HOSTS: readonly string[] = [CALLBACK_HOST, "localhost", "::1"];

/** The options, as `parseArgs` of `node:util` wants them, with what `--help` says. */
export const OPTIONS = {
  "url": { type: "string", value: "URL", help: "the server; so is any argument with ://" },
  "input": { type: "string", value: "JSON", help: "all arguments as one object; - reads them in" },
  "no-browser": { type: "boolean", help: "only print the sign-in URL" },
  "callback-host": {
    type: "string",
    value: "HOST",
    help: `where the browser comes back to: ${CALLBACK_HOSTS.join(", ")}`,
  },
  "callback-port": { type: "string", value: "PORT", help: "its port (default a free one)" },
  "scope": { type: "string", value: "SCOPES", help: "scopes to ask for at the sign-in" },
  "client-id": {
    type: "string",
    value: "ID",
    help: "a client registered beforehand; or MCP_CLIENT_ID",
  },
  "client-secret": {
    type: "string",
    value: "SECRET",
    help: "its secret; MCP_CLIENT_SECRET hides it from other users here",
  },
  "client-metadata-url": { type: "string", value: "URL", help: "a client id metadata document" },
  "timeout": {
    type: "string",
    value: "SECONDS",
    help: `how long to wait for the sign-in (default ${DEFAULT_TIMEOUT})`,
  },
  "json": { type: "boolean", help: "print the result as JSON, an error as a line of JSON" },
  "debug": { type: "boolean", help: "tell what happens, without secrets" },
  "help": { type: "boolean", short: "h", help: "show this" },
} as const;

/** Name of an option, without its dashes. */
export type OptionName = keyof typeof OPTIONS;

/** What the command line can do. `connect` is the one without a name. */
export type Command =
  | "connect"
  | "tools"
  | "call"
  | "login"
  | "logout"
  | "cache list"
  | "cache clear"
  | "doctor";

/** What `--help` says of a command, and what it takes. */
export interface CommandDescription {
  /** What follows the program's name. */
  form: string;
  /** One line. */
  summary: string;
  /** More, one line of at most 100 characters each. */
  details: string[];
  /** What follows the program's name in an example. */
  example: string;
  /** Apart from `json`, `debug` and `help`, which all take. */
  options: OptionName[];
}

const CLIENT: OptionName[] = ["client-id", "client-secret", "client-metadata-url"];
const CONNECTING: OptionName[] = [
  "url",
  "no-browser",
  "callback-host",
  "callback-port",
  "scope",
  ...CLIENT,
  "timeout",
];

/** The commands. */
export const COMMANDS: Readonly<Record<Command, CommandDescription>> = {
  "connect": {
    form: "[URL]",
    summary: "sign in if needed, list the tools, call whoami and echo",
    details: [],
    example: "http://localhost:8000/mcp",
    options: CONNECTING,
  },
  "tools": {
    form: "tools [URL]",
    summary: "list the tools, with what they take",
    details: [
      "An argument in brackets can be left away. --json prints the list as the server sent it, with the",
      "schemas.",
    ],
    example: "tools --json",
    options: CONNECTING,
  },
  "call": {
    form: "call TOOL [NAME=VALUE … | --input JSON] [URL]",
    summary: "call a tool",
    details: [
      '"tools" tells what each of them takes.',
      "A VALUE is read as the tool's schema says: text, a number, true, false, null, or JSON.",
      "NAME= is an empty text. A NAME given several times makes a list, where the tool takes one.",
      "--input - reads the arguments from standard input. Exit code 5 means that the tool failed.",
    ],
    example: 'call echo message="Hello there"',
    options: [...CONNECTING, "input"],
  },
  "login": {
    form: "login [URL]",
    summary: "sign in, unless one is signed in already",
    details: [],
    example: "login --no-browser https://mcp.example.com/mcp",
    options: CONNECTING,
  },
  "logout": {
    form: "logout [URL]",
    summary: "revoke the sign-in at the server, then forget it here",
    details: [
      "Exit code 4 means that the server could not be told now: the sign-in is kept, so that a later",
      "logout can revoke it. Exit code 3 means that it refuses: the sign-in is forgotten here, and may",
      "go on working there until it ends by itself.",
    ],
    example: "logout https://mcp.example.com/mcp",
    options: ["url", "client-id", "client-secret"],
  },
  "cache list": {
    form: "cache list [URL]",
    summary: "show which sign-ins are kept here, without their tokens",
    details: ["It shows those of one server, or of all."],
    example: "cache list --json",
    options: ["url"],
  },
  "cache clear": {
    form: "cache clear [URL]",
    summary: "forget what is kept of a server, or of all, without telling them",
    details: ["Nothing is asked. Tokens go on working at their servers; logout ends them there."],
    example: "cache clear http://localhost:8000/mcp",
    options: ["url"],
  },
  "doctor": {
    form: "doctor [URL]",
    summary: "check, step by step, whether a sign-in would work",
    details: [
      "Nobody is signed in, and nothing is changed. Exit code 0 means that a sign-in would work, as far",
      "as that can be told without one.",
    ],
    example: "doctor https://mcp.example.com/mcp",
    options: ["url", "callback-host", "callback-port", "scope", ...CLIENT],
  },
};

/**
 * Whether an option belongs to a command.
 *
 * @param command the command.
 * @param option the option's name.
 */
export function takesOption(command: Command, option: OptionName): boolean {
  return ["json", "debug", "help", ...COMMANDS[command].options].includes(option);
}

/**
 * What `--help` prints.
 *
 * @param command which command's; `connect` for the overview.
 */
export function usage(command: Command): string {
  const { form, summary, details, example, options } = COMMANDS[command];
  const lines = command === "connect" ? describeAll() : [
    `Usage: deno task client ${form} [options]`,
    "",
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    ...details,
  ];
  return [
    ...lines,
    "",
    `Example: deno task client ${example}`,
    "",
    ...[...options, "json" as const, "debug" as const, "help" as const].map(describeOption),
    "",
    ...command === "connect" ? EPILOGUE : ['"deno task client --help" shows the other commands.'],
  ].join("\n");
}

const EPILOGUE = [
  `The URL is ${DEFAULT_URL} unless MCP_SERVER_URL says otherwise.`,
  "Sign-ins are kept in MCP_CLIENT_CACHE_DIR, by default ~/.workos-mcp/oauth-client-cache.",
  "Results go to standard output, everything else to standard error.",
  "Exit codes: 0 fine, 1 unexpected, 2 usage, 3 not authorized, 4 server cannot be reached,",
  "5 the tool failed.",
];

function describeAll(): string[] {
  const commands = Object.values(COMMANDS)
    .map(({ form, summary }) => [form.replace(/ \[NAME.*/, " …"), summary] as const);
  return [
    "Usage: deno task client [COMMAND] [URL] [options]",
    "",
    ...commands.map(([form, summary]) => `  ${form.padEnd(27)}${summary}`),
    "",
    '"deno task client COMMAND --help" says more of a command.',
  ];
}

function describeOption(name: OptionName): string {
  const option = OPTIONS[name];
  const words = "value" in option ? `--${name} ${option.value}` : `--${name}`;
  return `  ${words.padEnd(27)}${option.help}`;
}
