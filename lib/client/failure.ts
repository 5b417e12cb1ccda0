/** What went wrong, as one sentence and an exit code. */

import {
  IssuerMismatchError,
  OAuthClientFlowError,
  OAuthError,
  OAuthErrorCode,
  ProtocolError,
  RegistrationRejectedError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from "@modelcontextprotocol/client";
import * as z from "zod";
import { CommandError, ExitCode } from "../errors.ts";
import { parseJson } from "../json.ts";
import { sanitizeLine } from "./sanitize.ts";

/** Error codes of an authorization server that pass by themselves (RFC 6749 §4.1.2.1). */
const TRANSIENT_CODES: readonly string[] = [
  OAuthErrorCode.ServerError,
  OAuthErrorCode.TemporarilyUnavailable,
  OAuthErrorCode.TooManyRequests,
  // RFC 8628 §3.5; some servers say so to everybody.
  "slow_down",
];

/** RFC 7591 §3.2.2 */
const rejectionSchema = z.object({
  error: z.string(),
  error_description: z.string().optional(),
});

/** Whether an OAuth error passes by itself, so that nothing may be given up because of it. */
export function isTransient(code: string): boolean {
  return TRANSIENT_CODES.includes(code);
}

/**
 * What an authorization server said, as the end of a sentence: its own words with the code, or the
 * code alone.
 *
 * @param error its `error` and `error_description`, the one in place of the other when that is
 *   missing.
 */
export function describeOAuthError({ code, message }: { code: string; message: string }): string {
  const words = sanitizeLine(message).replace(/\.$/, "");
  const name = sanitizeLine(code, 60);
  return words === name ? name : `${name}: ${words}`;
}

/**
 * Turns anything thrown while talking to servers into a {@link CommandError}. What servers wrote
 * is shown cleaned and short, and an answer whose sender is in doubt not at all (CL-8).
 *
 * @param error anything thrown.
 */
export function toCommandError(error: unknown): CommandError {
  const known = findCommandError(error);
  if (known) return known;
  const options = { cause: error };
  if (error instanceof IssuerMismatchError) {
    return new CommandError(
      "issuer_mismatch",
      error.kind === "metadata"
        ? `The authorization server calls itself something else than the MCP server does (expected ${
          sanitizeLine(error.expected ?? "")
        }). Nothing was sent; tell whoever runs the MCP server.`
        : error.received === undefined
        ? "The answer does not say which authorization server it comes from, though this one promises to say so. Nothing was sent; try again only if you trust the MCP server."
        : "The answer came from another authorization server than the one asked. Nothing was sent to either; try again only if you trust the MCP server.",
      ExitCode.notAuthorized,
      options,
    );
  }
  if (error instanceof RegistrationRejectedError) {
    return new CommandError(
      "registration_rejected",
      explainRejection(error),
      ExitCode.notAuthorized,
      options,
    );
  }
  if (error instanceof OAuthError) {
    return new CommandError(
      sanitizeLine(error.code, 60),
      `The authorization server refuses: ${sanitizeLine(error.message)}`,
      isTransient(error.code) ? ExitCode.unreachable : ExitCode.notAuthorized,
      options,
    );
  }
  if (error instanceof OAuthClientFlowError) {
    return new CommandError(
      "sign_in_failed",
      sanitizeLine(error.message),
      ExitCode.notAuthorized,
      options,
    );
  }
  if (error instanceof SdkHttpError) return fromStatus(error);
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) {
    return new CommandError(
      "server_timeout",
      "The server did not answer in time. Try again later.",
      ExitCode.unreachable,
      options,
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof ProtocolError || error instanceof SdkError
    ? new CommandError("server_error", sanitizeLine(message), ExitCode.unexpected, options)
    : new CommandError(
      "unexpected",
      `${sanitizeLine(message)} (unexpected; --debug shows where)`,
      ExitCode.unexpected,
      options,
    );
}

/** The SDK wraps what a custom `fetch` throws while it negotiates the protocol version. */
function findCommandError(error: unknown): CommandError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof CommandError) return cause;
  }
  return undefined;
}

/** CL-20, CL-38: the reason, and the way out. */
function explainRejection({ status, body }: RegistrationRejectedError): string {
  const answer = rejectionSchema.safeParse(parseJson(body)).data;
  const reason = answer
    ? describeOAuthError({ code: answer.error, message: answer.error_description ?? answer.error })
    : sanitizeLine(body);
  const other = answer?.error === OAuthErrorCode.InvalidRedirectUri
    ? "It may accept another address to come back to: try --callback-host localhost, or a --callback-port. "
    : "";
  return `The authorization server does not let this client register (HTTP ${status}, ${reason}). ${other}If it knows a client already, name it with --client-id.`;
}

function fromStatus(error: SdkHttpError): CommandError {
  const status = error.status ?? 0;
  const answer = sanitizeLine(readMessage(String(error.data.text ?? error.statusText ?? "")));
  const options = { cause: error };
  if (status === 401 || status === 403) {
    return new CommandError(
      "forbidden",
      `The server does not let you in (HTTP ${status}): ${answer}`,
      ExitCode.notAuthorized,
      options,
    );
  }
  if (status === 429 || status >= 500) {
    return new CommandError(
      "server_unavailable",
      `The server cannot answer right now (HTTP ${status}). Try again later.`,
      ExitCode.unreachable,
      options,
    );
  }
  return new CommandError(
    "server_error",
    `The server answered HTTP ${status}${answer && `: ${answer.replace(/[.!?]?$/, "")}`}. ` +
      "Is this the address of an MCP endpoint? It often ends in /mcp.",
    ExitCode.unreachable,
    options,
  );
}

/** The sentence in an answer of JSON; an answer of another kind as it is. */
function readMessage(text: string): string {
  try {
    const { error_description: description, message } = JSON.parse(text);
    return String(description ?? message ?? text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return text;
    throw error;
  }
}
