/** The words of the command line: which there are, and what they mean. */

import { parseArgs } from "node:util";
import { isHttpsUrl } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { SignInSettings } from "./context.ts";
import { sanitizeLine } from "./sanitize.ts";

/** A command line, understood. */
export interface Arguments {
  help: boolean;
  json: boolean;
  debug: boolean;
  /** Whether the browser may be opened. */
  browser: boolean;
  /** The server, as the user wrote it. */
  url: string;
  settings: SignInSettings;
}

const DEFAULT_URL = "http://localhost:8000/mcp";
const DEFAULT_TIMEOUT = "300";
const LONGEST_TIMEOUT = 86_400;
const CALLBACK_HOSTS = ["127.0.0.1", "localhost", "::1"];

const OPTIONS = {
  "url": { type: "string", value: "URL", help: "the server" },
  "no-browser": { type: "boolean", help: "only print the sign-in URL" },
  "callback-host": {
    type: "string",
    value: "HOST",
    help: `where the browser comes back to: ${CALLBACK_HOSTS.join(", ")}`,
  },
  "callback-port": { type: "string", value: "PORT", help: "its port (default a free one)" },
  "scope": { type: "string", value: "SCOPES", help: "scopes to ask for at the sign-in" },
  "client-id": { type: "string", value: "ID", help: "a client registered beforehand" },
  "client-secret": { type: "string", value: "SECRET", help: "its secret" },
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

/** What `--help` prints. */
export function usage(): string {
  const options = Object.entries(OPTIONS).map(([name, option]) => {
    const words = "value" in option ? `--${name} ${option.value}` : `--${name}`;
    return `  ${words.padEnd(27)}${option.help}`;
  });
  return `Usage: deno task client [options] [URL]

Connects to an MCP server, signs in if it must, lists the tools and calls whoami and echo.
The URL is ${DEFAULT_URL} unless MCP_SERVER_URL says otherwise.

${options.join("\n")}

Sign-ins are kept in MCP_CLIENT_CACHE_DIR, by default ~/.workos-mcp/oauth-client-cache.
Results go to standard output, everything else to standard error.
Exit codes: 0 fine, 1 unexpected, 2 usage, 3 not authorized, 4 server cannot be reached,
5 the tool failed.`;
}

/**
 * Understands a command line.
 *
 * @param args the words after the program.
 * @param env reads an environment variable.
 * @throws {CommandError} `usage`.
 */
export function parseArguments(
  args: string[],
  env: (name: string) => string | undefined,
): Arguments {
  const { values, positionals } = parseWords(args);
  const named = positionals[0]?.includes("://") ? positionals.shift() : undefined;
  const [command] = positionals;
  if (command !== undefined) {
    const isAddress = /^[\w.-]+:\d+(?:\/|$)/.test(command);
    const hint = isAddress ? `; for a server, write http://${sanitizeLine(command, 60)}` : "";
    throw misused(`"${sanitizeLine(command, 60)}" is not a command${hint}`);
  }
  if (named !== undefined && values.url !== undefined) {
    throw misused("The server is named twice, as an argument and by --url");
  }
  if (values["client-secret"] !== undefined && values["client-id"] === undefined) {
    throw misused("--client-secret needs --client-id");
  }
  if (values["client-metadata-url"] !== undefined) {
    if (values["client-id"] !== undefined) {
      throw misused("--client-id and --client-metadata-url exclude each other");
    }
    if (!isHttpsUrl(values["client-metadata-url"])) {
      throw misused("--client-metadata-url has to be an https URL with a path");
    }
  }
  return {
    help: values.help ?? false,
    json: values.json ?? false,
    debug: values.debug ?? false,
    browser: !values["no-browser"],
    url: values.url ?? named ?? (env("MCP_SERVER_URL") || DEFAULT_URL),
    settings: {
      scope: values.scope,
      clientId: values["client-id"],
      clientSecret: values["client-secret"],
      clientMetadataUrl: values["client-metadata-url"],
      callbackHost: parseHost(values["callback-host"]),
      callbackPort: parsePort(values["callback-port"]),
      timeout: parseSeconds(values.timeout ?? DEFAULT_TIMEOUT) * 1000,
    },
  };
}

function parseWords(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw misused(sanitizeLine(error.message).replace(/\. .*$/, ""));
  }
}

function parseHost(text = "127.0.0.1"): string {
  const host = text.replace(/^\[(.*)\]$/, "$1");
  if (!CALLBACK_HOSTS.includes(host)) {
    throw misused(`--callback-host has to be one of ${CALLBACK_HOSTS.join(", ")}`);
  }
  return host;
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw misused("--callback-port has to be a number from 1 to 65535");
  }
  return port;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= LONGEST_TIMEOUT)) {
    throw misused(`--timeout has to be a number of seconds up to ${LONGEST_TIMEOUT}`);
  }
  return seconds;
}

function misused(problem: string): CommandError {
  return new CommandError(
    "usage",
    `${problem}. "deno task client --help" lists what there is.`,
    ExitCode.usage,
  );
}
