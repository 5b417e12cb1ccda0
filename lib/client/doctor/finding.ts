/** What the doctor found at one step of the way to a sign-in. */

import { type CommandError, ExitCode } from "../../errors.ts";

/** The steps, from near to far, in the order they are shown. */
export const STEPS = [
  "url",
  "cache",
  "kept_sign_in",
  "dns",
  "connection",
  "endpoint",
  "resource_metadata",
  "authorization_server",
  "pkce",
  "registration",
  "redirect_uri",
  "token_endpoint",
  "revocation",
  "clock",
  "workos",
] as const;

/** One of {@link STEPS}. */
export type Step = typeof STEPS[number];

/** Who can change what is wrong. */
export type Fault = "you" | "network" | "mcp_server" | "authorization_server" | "workos_settings";

/** Something that is not as it should be. */
export interface Trouble {
  /** Stable, for `--json`. */
  code: string;
  /** What is wrong, and what to do if {@link advice} is absent. */
  message: string;
  fault: Fault;
  /** What to do next. */
  advice?: string;
}

/** What was looked at, and what was seen there. Words of servers in it are cleaned. */
export interface Observation {
  step: Step;
  /** An address, a directory, a name. */
  looked_at: string;
  seen: string;
}

/**
 * The result of a step. A problem keeps a sign-in from working, a warning does not. A step is
 * skipped when it cannot be looked at; `seen` then says why.
 */
export type Finding =
  & Observation
  & (
    | { status: "ok" | "skipped" }
    | { status: "warning"; trouble: Trouble }
    | { status: "problem"; trouble: Trouble; exit_code: number }
  );

/** A step that is as it should be. */
export function ok(step: Step, lookedAt: string, seen: string): Finding {
  return { step, status: "ok", looked_at: lookedAt, seen };
}

/** A step that cannot be looked at. */
export function skipped(step: Step, lookedAt: string, why: string): Finding {
  return { step, status: "skipped", looked_at: lookedAt, seen: why };
}

/** A step that works, but not as it should. */
export function warning(step: Step, lookedAt: string, seen: string, trouble: Trouble): Finding {
  return { step, status: "warning", looked_at: lookedAt, seen, trouble };
}

/**
 * A step at which a sign-in fails.
 *
 * @param exitCode one of {@link ExitCode}.
 */
export function problem(
  step: Step,
  lookedAt: string,
  seen: string,
  trouble: Trouble,
  exitCode: number = ExitCode.notAuthorized,
): Finding {
  return { step, status: "problem", looked_at: lookedAt, seen, trouble, exit_code: exitCode };
}

/**
 * A step at which a sign-in would end with this error.
 *
 * @param party whose fault it is unless the error itself tells.
 * @param seen in place of the general words.
 */
export function problemOf(
  step: Step,
  lookedAt: string,
  error: CommandError,
  party: Fault,
  seen = error.exitCode === ExitCode.unreachable ? "no usable answer" : "not usable",
): Finding {
  const { code, message, exitCode } = error;
  const fault = FAULTS[code] ?? party;
  const exit = exitCode === ExitCode.unreachable ? exitCode : ExitCode.notAuthorized;
  return problem(step, lookedAt, seen, { code, message, fault }, exit);
}

/** Errors that tell by themselves whose fault they are. */
const FAULTS: Partial<Record<string, Fault>> = {
  unknown_host: "network",
  certificate_not_yet_valid: "you",
  not_http: "you",
  not_tls: "you",
};
