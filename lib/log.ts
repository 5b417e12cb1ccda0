/** Logging: one structured line an event, with a stable code and nothing secret in it. */

import { getLogfmtFormatter, jsonLinesFormatter, type LogRecord } from "@logtape/logtape";
import { redactByField, redactByPattern, type RedactionPattern } from "@logtape/redaction";

/** Severities, lowest first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** A severity. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Values that go with an event. Never a token, a code, a cookie or a key. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where events go. The first argument is a stable code such as `grant_created`. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warning(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Settings of {@link createLog}. */
export interface LogOptions {
  /** Events below this are dropped. */
  level: LogLevel;
  /** `text` is logfmt, `json` is one object a line. */
  format: "text" | "json";
  /** Clock, in milliseconds. */
  now: () => number;
  /** Receives one line, with its newline. */
  write: (line: string) => void;
  /** Fields that every event of the moment carries, such as the id of the request. */
  context?: () => LogFields | undefined;
}

/**
 * What a secret looks like. The second net: the first is not to pass secrets to a log at all.
 * Our own tokens keep their prefix and grant id, which name a grant and open nothing.
 */
const SECRET_PATTERNS: (RedactionPattern & { replacement: string })[] = [
  { pattern: /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, replacement: "[redacted]" },
  {
    pattern: /\b(wmcp_[a-z]{2}_(?:[\w-]{16}_)?)[\w-]{43}(?:_[\w-]{22})?/g,
    replacement: "$1[redacted]",
  },
  { pattern: /\b(sk|whsec)_[\w-]+/g, replacement: "$1_[redacted]" },
  { pattern: /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, replacement: "$1 [redacted]" },
];

const SECRET_FIELDS = [
  /^(?:.*_)?(?:token|secret|verifier|cookie|password|authorization|api_key|code|state)$/i,
];

/**
 * Replaces everything in a text that looks like a secret.
 *
 * @param text any text on its way to a person or a file.
 */
export function redactSecrets(text: string): string {
  return SECRET_PATTERNS.reduce(
    (result, { pattern, replacement }) => result.replaceAll(pattern, replacement),
    text,
  );
}

/**
 * Makes a log that writes lines of logfmt or JSON.
 *
 * @param options see {@link LogOptions}.
 */
export function createLog(options: LogOptions): Log {
  const format = redactByPattern(
    options.format === "json" ? jsonLinesFormatter : getLogfmtFormatter(),
    SECRET_PATTERNS,
  );
  const sink = redactByField(
    (record: LogRecord) => options.write(format(record)),
    { fieldPatterns: SECRET_FIELDS, action: () => "[redacted]" },
  );
  const threshold = LOG_LEVELS.indexOf(options.level);
  const at = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
    if (LOG_LEVELS.indexOf(level) < threshold) return;
    const properties = Object.fromEntries(
      Object.entries({ ...options.context?.(), ...fields })
        .filter(([, value]) => value !== undefined),
    );
    sink({
      category: ["workos-mcp"],
      level,
      message: [event],
      rawMessage: event,
      timestamp: options.now(),
      properties,
    });
  };
  return { debug: at("debug"), info: at("info"), warning: at("warning"), error: at("error") };
}

/** An error as fields of an event, with its stack: for what somebody has to look into. */
export function describeError(error: unknown): LogFields {
  return { message: String(error), stack: error instanceof Error ? error.stack : undefined };
}

/** A log that drops everything, for programs that want none. */
export const silentLog: Log = { debug() {}, info() {}, warning() {}, error() {} };
