/** What the command line prints: results on standard output, all else on standard error. */

import { CommandError } from "../errors.ts";
import { redactSecrets } from "../log.ts";
import { sanitizeLine, sanitizeText } from "./sanitize.ts";

/** Somewhere to print to. */
export interface Stream {
  write(text: string): void;
  isTerminal: boolean;
  /** Characters a line of the terminal holds; absent where nothing limits a line. */
  width?: number | undefined;
}

/** How results look, which depends on where they go. */
export interface Style {
  /** Characters a line may have; `Infinity` without a terminal. */
  width: number;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
}

/** Settings of {@link createOutput}. */
export interface OutputOptions {
  stdout: Stream;
  stderr: Stream;
  /** Reads an environment variable; `NO_COLOR` and `TERM` matter. */
  env: (name: string) => string | undefined;
  json: boolean;
  debug: boolean;
}

/** Prints. */
export interface Output {
  /**
   * Prints a result.
   *
   * @param value for `--json`.
   * @param render makes the text for people.
   */
  result(value: unknown, render: (style: Style) => string): void;
  /** Prints a line about what is going on. */
  progress(text: string): void;
  /**
   * Shows what is under way, on a line of the terminal that whatever comes next replaces.
   *
   * @param text one line.
   * @param always also print it where lines cannot be replaced, each on a line of its own.
   */
  status(text: string, always?: boolean): void;
  /**
   * Prints an error.
   *
   * @param error anything thrown.
   * @returns the exit code.
   */
  error(error: unknown): Promise<number>;
}

/** To the start of the line, and nothing on it. */
const ERASE_LINE = "\r\x1b[2K";

/** Lets the terminal cut a line that is too long, rather than wrap it: what wrapped is not erased. */
const cutAtEdge = (text: string) => `\x1b[?7l${text}\x1b[?7h`;

/**
 * Makes the one place that prints. Whatever it is given is cleaned of what a terminal would obey.
 *
 * @param options see {@link OutputOptions}.
 */
export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, env, json, debug } = options;
  const isDumb = env("TERM") === "dumb";
  const paint = ({ isTerminal }: Stream, code: number) => (text: string) => {
    const clean = sanitizeText(text);
    return isTerminal && !isDumb && !env("NO_COLOR") ? `\x1b[${code}m${clean}\x1b[0m` : clean;
  };
  // Lines of the log go to the same place without passing here, and would be erased.
  const canReplace = stderr.isTerminal && !isDumb && !debug;
  let replaceable = false;

  const style: Style = {
    width: stdout.width ?? Infinity,
    bold: paint(stdout, 1),
    dim: paint(stdout, 2),
    red: paint(stdout, 31),
  };
  const red = paint(stderr, 31);

  function eraseStatus(): void {
    if (replaceable) stderr.write(ERASE_LINE);
    replaceable = false;
  }

  return {
    result(value, render) {
      eraseStatus();
      stdout.write(json ? `${toJson(value, 2)}\n` : `${render(style)}\n`);
    },
    progress(text) {
      eraseStatus();
      stderr.write(`${sanitizeText(text)}\n`);
    },
    status(text, always = false) {
      if (canReplace) stderr.write(ERASE_LINE + cutAtEdge(sanitizeLine(text)));
      else if (always) stderr.write(`${sanitizeLine(text)}\n`);
      replaceable = canReplace;
    },
    async error(error) {
      eraseStatus();
      const { code, message, exitCode } = error instanceof CommandError
        ? error
        : await explain(error);
      if (debug) stderr.write(`${redactSecrets(sanitizeText(describe(error)))}\n`);
      stderr.write(
        json ? `${toJson({ error: { code, message } })}\n` : `${red("Error:")} ${message}\n`,
      );
      return exitCode;
    },
  };
}

/** Knows the errors of the MCP SDK, which takes long to load. */
async function explain(error: unknown): Promise<CommandError> {
  const { toCommandError } = await import("./failure.ts");
  return toCommandError(error);
}

/** JSON escapes C0 controls only; terminals obey DEL and C1 too. */
function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(
    /[\x7f-\x9f\u2028\u2029\u202A-\u202E\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** An error with everything that led to it. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\nCaused by: ${describe(error.cause)}`;
}
