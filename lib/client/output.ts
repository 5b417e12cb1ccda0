/** What the command line prints: results on standard output, all else on standard error. */

import { redactSecrets } from "../log.ts";
import { toCommandError } from "./failure.ts";
import { sanitizeText } from "./sanitize.ts";

/** Somewhere to print to. */
export interface Stream {
  write(text: string): void;
  isTerminal: boolean;
}

/** Emphasis, on terminals that want it. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
}

/** Settings of {@link createOutput}. */
export interface OutputOptions {
  stdout: Stream;
  stderr: Stream;
  /** Reads an environment variable; `NO_COLOR` matters. */
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
   * Prints an error.
   *
   * @param error anything thrown.
   * @returns the exit code.
   */
  error(error: unknown): number;
}

/**
 * Makes the one place that prints. Whatever it is given is cleaned of what a terminal would obey.
 *
 * @param options see {@link OutputOptions}.
 */
export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, json, debug } = options;
  const plain = !stdout.isTerminal || !!options.env("NO_COLOR");
  const emphasis = (code: number) => (text: string) => {
    const clean = sanitizeText(text);
    return plain ? clean : `\x1b[${code}m${clean}\x1b[0m`;
  };
  const style: Style = { bold: emphasis(1), dim: emphasis(2) };
  return {
    result(value, render) {
      stdout.write(json ? `${toJson(value, 2)}\n` : `${render(style)}\n`);
    },
    progress(text) {
      stderr.write(`${sanitizeText(text)}\n`);
    },
    error(error) {
      const { code, message, exitCode } = toCommandError(error);
      if (debug) stderr.write(`${redactSecrets(sanitizeText(describe(error)))}\n`);
      stderr.write(json ? `${toJson({ error: { code, message } })}\n` : `Error: ${message}\n`);
      return exitCode;
    },
  };
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
