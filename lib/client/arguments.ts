/** The words of the command line, understood. */

import { parseArgs } from "node:util";
import { CommandError, ExitCode } from "../errors.ts";
import type { SignInSettings } from "./context.ts";
import { nearest } from "./nearest.ts";
import { sanitizeLine } from "./sanitize.ts";
import { parseServerUrl } from "./server_url.ts";
import {
  CALLBACK_HOST,
  CALLBACK_HOSTS,
  type Command,
  COMMANDS,
  DEFAULT_TIMEOUT,
  DEFAULT_URL,
  type OptionName,
  OPTIONS,
  takesOption,
} from "./usage.ts";

/** A command line, understood. */
export interface Arguments {
  command: Command;
  help: boolean;
  json: boolean;
  debug: boolean;
  /** Whether the browser may be opened. */
  browser: boolean;
  /** The server, as the user wrote it, or the default one. */
  url: string;
  /** Whether the command line itself named {@link url}. */
  urlNamed: boolean;
  /** For `call`: the tool, then `NAME=VALUE` for each of its arguments. */
  words: string[];
  /** For `call`: all arguments as JSON, or `-` for standard input. */
  input?: string | undefined;
  settings: SignInSettings;
}

const LONGEST_TIMEOUT = 86_400;

/** What makes an argument the server, wherever it stands. `url=https://…` is a tool's argument. */
const SERVER = /^[a-z][a-z0-9+.-]*:\/\//i;

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
  const servers = positionals.filter((word) => SERVER.test(word));
  const words = positionals.filter((word) => !SERVER.test(word));
  const askedForHelp = words[0] === "help";
  if (askedForHelp) words.shift();
  const help = askedForHelp || (values.help ?? false);
  const command = takeCommand(words, help);
  const client = takesOption(command, "client-id") ? readClient(values, env) : {};
  if (!help) {
    checkOptions(command, values, client);
    checkWords(command, words, values.input !== undefined);
  }
  if (servers.length + (values.url === undefined ? 0 : 1) > 1) {
    throw misused("The server is named twice: one argument with ://, or --url");
  }
  const named = values.url ?? servers[0];
  const kept = env("MCP_SERVER_URL");
  if (named === undefined && kept && !help && usesServer(command)) checkKeptServer(kept);
  return {
    command,
    help,
    json: values.json ?? false,
    debug: values.debug ?? false,
    browser: !values["no-browser"],
    url: named ?? (kept || DEFAULT_URL),
    urlNamed: named !== undefined,
    words,
    input: values.input,
    settings: {
      scope: values.scope,
      ...client,
      clientMetadataUrl: values["client-metadata-url"],
      callbackHost: parseHost(values["callback-host"]),
      callbackPort: parsePort(values["callback-port"]),
      timeout: parseSeconds(values.timeout ?? DEFAULT_TIMEOUT) * 1000,
    },
  };
}

/** Without a server, the commands of the cache are for all of them. */
function usesServer(command: Command): boolean {
  return takesOption(command, "url") && !command.startsWith("cache ");
}

/** Nobody has typed it just now, so that it has to be said where it comes from. */
function checkKeptServer(url: string): void {
  try {
    parseServerUrl(url);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(error.code, `MCP_SERVER_URL: ${error.message}`, error.exitCode, {
      cause: error,
    });
  }
}

/** A client registered beforehand. */
type NamedClient = Pick<SignInSettings, "clientId" | "clientSecret">;

/**
 * The client from the command line, else from the environment, where other users of the machine do
 * not see its secret. A secret there is not sent for another client than the one named there.
 */
function readClient(values: Values, env: (name: string) => string | undefined): NamedClient {
  const given = values["client-id"];
  if (values["client-metadata-url"] !== undefined) return { clientId: given };
  const kept = env("MCP_CLIENT_ID") || undefined;
  const keptSecret = env("MCP_CLIENT_SECRET") || undefined;
  const fits = given === undefined || kept === undefined || given === kept;
  return {
    clientId: given ?? kept,
    clientSecret: values["client-secret"] ?? (fits ? keptSecret : undefined),
  };
}

type Values = ReturnType<typeof parseWords>["values"];

function parseWords(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const problem = sanitizeLine(error.message).replace(/\. .*$/, "");
    const unknown = /^Unknown option '--([\w-]+)'/.exec(problem)?.[1];
    throw misused(problem + suggest(unknown ?? "", Object.keys(OPTIONS), "--"));
  }
}

/** Takes the command off the words; without one, it is `connect`. */
function takeCommand(words: string[], help: boolean): Command {
  const [first, second] = words;
  if (first === undefined) return "connect";
  const name = first === "cache" ? `cache ${second ?? ""}` : first;
  if (isCommand(name)) {
    words.splice(0, first === "cache" ? 2 : 1);
    return name;
  }
  if (first === "cache") {
    if (help && second === undefined) return "cache list";
    throw misused(
      second === undefined
        ? '"cache" needs to know what to do: "cache list" or "cache clear"'
        : `"cache ${sanitizeLine(second, 60)}" is not a command${
          suggest(second, ["list", "clear"], "cache ")
        }`,
    );
  }
  const isAddress = /^[\w.-]+:\d+(?:\/|$)/.test(first);
  const hint = isAddress
    ? `; for a server, write http://${sanitizeLine(first, 60)}`
    : suggest(first, [...Object.keys(COMMANDS).filter((name) => name !== "connect"), "cache"]);
  throw misused(`"${sanitizeLine(first, 60)}" is not a command${hint}`);
}

function isCommand(name: string): name is Command {
  return name !== "connect" && Object.hasOwn(COMMANDS, name);
}

function suggest(word: string, candidates: string[], prefix = ""): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? "" : `; did you mean "${prefix}${meant}"?`;
}

function checkOptions(command: Command, values: Values, client: NamedClient): void {
  for (const name of Object.keys(values) as OptionName[]) {
    if (takesOption(command, name)) continue;
    throw misused(
      command === "connect"
        ? `--${name} needs a command that takes it`
        : `"${command}" does not take --${name}`,
    );
  }
  for (const name of ["client-id", "client-secret"] as const) {
    if (values[name] === "") throw misused(`--${name} must not be empty`);
  }
  if (values["client-secret"] !== undefined && client.clientId === undefined) {
    throw misused("--client-secret needs --client-id");
  }
  if (client.clientSecret !== undefined && client.clientId === undefined) {
    throw misused("MCP_CLIENT_SECRET needs MCP_CLIENT_ID or --client-id");
  }
  if (values["client-metadata-url"] !== undefined) {
    if (values["client-id"] !== undefined) {
      throw misused("--client-id and --client-metadata-url exclude each other");
    }
    const url = URL.parse(values["client-metadata-url"]);
    if (url?.protocol !== "https:" || url.pathname === "/") {
      throw misused("--client-metadata-url has to be an https URL with a path");
    }
  }
}

function checkWords(command: Command, [first, ...rest]: string[], hasInput: boolean): void {
  if (command !== "call") {
    if (first === undefined) return;
    throw misused(`"${command}" does not take "${sanitizeLine(first, 60)}"`);
  }
  if (first === undefined) throw misused('"call" needs the name of a tool; "tools" lists them');
  if (hasInput && rest.length > 0) throw misused("NAME=VALUE and --input exclude each other");
}

function parseHost(text = CALLBACK_HOST): string {
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
  const sentence = problem.endsWith("?") ? problem : `${problem}.`;
  return new CommandError(
    "usage",
    `${sentence} "deno task client --help" lists what there is.`,
    ExitCode.usage,
  );
}
