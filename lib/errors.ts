/** What can go wrong, as types with stable codes. Callers switch on `code`, never on a message. */

import type { Identity, OrganizationChoice, SignInRoute } from "./workos/upstream.ts";

/** Settings the server cannot start with; names every problem at once, each with what to do. */
export class SettingsError extends Error {
  readonly code = "invalid_settings";

  /** @param problems one sentence a problem, naming the setting and the fix. */
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "SettingsError";
  }
}

/** Codes of RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7591 §3.2.2, RFC 8707 §2. */
export type OAuthErrorCode =
  | "access_denied"
  | "insufficient_scope"
  | "invalid_client"
  | "invalid_client_metadata"
  | "invalid_grant"
  | "invalid_redirect_uri"
  | "invalid_request"
  | "invalid_scope"
  | "invalid_target"
  | "invalid_token"
  | "server_error"
  | "temporarily_unavailable"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "unsupported_response_type";

/** A request that OAuth refuses. Permanent: the same request fails again. */
export class OAuthError extends Error {
  /**
   * @param code the `error` member or parameter.
   * @param message the `error_description`: for developers, without secrets.
   * @param status HTTP status of a direct answer; 400 unless the RFC says otherwise.
   */
  constructor(readonly code: OAuthErrorCode, message: string, readonly status: number = 400) {
    super(message);
    this.name = "OAuthError";
  }
}

/**
 * Something this server needs does not answer now. Transient: nothing was ended, and the same
 * request may succeed after `retryAfter` seconds.
 */
export class UnavailableError extends Error {
  /**
   * @param code who is missing.
   * @param message what happened, for the log.
   * @param retryAfter seconds.
   */
  constructor(
    readonly code: "client_metadata_unavailable" | "store_unavailable" | "workos_unavailable",
    message: string,
    readonly retryAfter: number = 5,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "UnavailableError";
  }
}

/** Too many requests from one address, or with one grant. Transient. */
export class RateLimitedError extends Error {
  readonly code = "too_many_requests";

  /** @param retryAfter seconds until one more is allowed. */
  constructor(readonly retryAfter: number) {
    super(`Too many requests. Try again in ${retryAfter} seconds.`);
    this.name = "RateLimitedError";
  }
}

/**
 * WorkOS has renewed a session, and its answer cannot be verified now: a clock is off, or its keys
 * have changed and cannot be had. Transient, if the new refresh token is kept: the old one is spent.
 */
export class UnverifiedRenewalError extends Error {
  readonly code = "unverified_renewal";

  /**
   * @param refreshToken what the session can be renewed with next time.
   * @param cause why the answer cannot be verified.
   */
  constructor(readonly refreshToken: string, override readonly cause: Error) {
    super(cause.message);
    this.name = "UnverifiedRenewalError";
  }
}

/**
 * WorkOS or this server's policy turns a person away. Permanent until the person or an
 * administrator does what the message says.
 */
export class SignInRefusedError extends Error {
  /** Who it is, with the session that WorkOS had opened before this server's policy refused it. */
  readonly identity: Identity | undefined;
  /** How the sign-in can go on, where WorkOS names a way. */
  readonly route: SignInRoute | undefined;

  /**
   * @param code stable reason, WorkOS's own where it gave one (`sso_required`, `access_denied` …).
   * @param message what the person or the administrator can do; shown to the person.
   */
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions & { identity?: Identity | undefined; route?: SignInRoute | undefined },
  ) {
    super(message, options);
    this.name = "SignInRefusedError";
    this.identity = options?.identity;
    this.route = options?.route;
  }
}

/** WorkOS waits for the person to choose an organization. */
export class OrganizationSelectionError extends Error {
  readonly code = "organization_selection_required";

  /**
   * @param pendingToken WorkOS's handle for the sign-in that waits. Secret.
   * @param organizations to choose from.
   */
  constructor(
    readonly pendingToken: string,
    readonly organizations: readonly OrganizationChoice[],
    options?: ErrorOptions,
  ) {
    super("The person belongs to several organizations and has to choose one.", options);
    this.name = "OrganizationSelectionError";
  }
}

/** WorkOS no longer honours the session behind a grant. Permanent: the grant has to end. */
export class SessionEndedError extends Error {
  readonly code = "session_ended";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SessionEndedError";
  }
}

/** WorkOS refuses this server itself: wrong key, client id or redirect URI. An operator must act. */
export class WorkOSSetupError extends Error {
  /**
   * @param code stable reason.
   * @param message names the setting to correct; for the log, not for visitors, unless it is
   *   `no_api_key`.
   */
  constructor(
    readonly code:
      | "invalid_api_key"
      | "invalid_authkit_domain"
      | "invalid_client"
      | "invalid_connection"
      | "invalid_token"
      | "clock_skew"
      | "no_api_key",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "WorkOSSetupError";
  }
}

/** Why a person sees a page instead of going on. */
export type PageErrorCode =
  | "already_answered"
  | "damaged_form"
  | "foreign_form"
  | "other_browser"
  | "sign_in_expired"
  | "unsolicited";

/** A step of the sign-in that cannot go on, while it is not known where to send the person. */
export class PageError extends Error {
  /**
   * @param code chooses what the page says.
   * @param status HTTP status of the page.
   */
  constructor(readonly code: PageErrorCode, readonly status: number) {
    super(code);
    this.name = "PageError";
  }
}

/** Exit codes of the command line. */
export const ExitCode = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  notAuthorized: 3,
  unreachable: 4,
  toolFailed: 5,
} as const;

/** A failure of the command line: what to tell the user, and the exit code. */
export class CommandError extends Error {
  /**
   * @param code stable reason, for `--json`.
   * @param message what happened and what to do next.
   * @param exitCode one of {@link ExitCode}.
   */
  constructor(
    readonly code: string,
    message: string,
    readonly exitCode: number = ExitCode.unexpected,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CommandError";
  }
}

/** The stable code of an error; `internal_error` for one without. */
export function readErrorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "internal_error";
}

/** What a client is told of an outage: not which part of ours is out. */
export function describeOutage(error: UnavailableError): string {
  return error.code === "client_metadata_unavailable"
    ? "The client's metadata or keys cannot be fetched right now. Try again shortly."
    : "The sign-in service does not answer right now. Try again shortly.";
}

/**
 * Renders an error as OAuth JSON (RFC 6749 §5.2), the one way errors answer programs.
 *
 * @param error anything thrown; what is not one of the types above becomes `server_error` without
 *   a word of its message, which may hold internals.
 */
export function renderOAuthError(error: unknown): Response {
  const headers = new Headers({ "cache-control": "no-store" });
  if (error instanceof UnavailableError) {
    headers.set("retry-after", String(error.retryAfter));
    return Response.json({
      error: "temporarily_unavailable",
      error_description: describeOutage(error),
    }, { status: 503, headers });
  }
  if (error instanceof RateLimitedError) {
    headers.set("retry-after", String(error.retryAfter));
    return Response.json({ error: error.code, error_description: error.message }, {
      status: 429,
      headers,
    });
  }
  if (error instanceof PageError) {
    const reason = error.code.replaceAll("_", " ");
    return Response.json({
      error: "invalid_request",
      error_description: `This step of a sign-in is for the browser it began in: ${reason}.`,
    }, { status: error.status, headers });
  }
  if (error instanceof OAuthError) {
    // RFC 6749 §5.2: a 401 names the scheme that a client may have tried.
    if (error.code === "invalid_client" && error.status === 401) {
      headers.set("www-authenticate", 'Basic realm="MCP clients"');
    }
    return Response.json({ error: error.code, error_description: error.message }, {
      status: error.status,
      headers,
    });
  }
  return Response.json({
    error: "server_error",
    error_description: "The server failed. Its log says why.",
  }, { status: 500, headers });
}
