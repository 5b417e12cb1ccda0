/** Answers of another kind than asked for, as one sentence: the SDK shows its schemas' findings. */

import { OAuthError, SdkError, SdkErrorCode } from "@modelcontextprotocol/client";
import * as z from "zod";
import { CommandError, ExitCode } from "../errors.ts";
import { parseJson } from "../json.ts";
import { toCommandError } from "./failure.ts";
import { sanitizeLine } from "./sanitize.ts";

/** What a schema found wrong, as it is inside the SDK's message. */
const issuesSchema = z.array(z.object({ path: z.array(z.union([z.string(), z.number()])) }));

/** How the SDK begins to tell of an error that is not one of RFC 6749 §5.2; the answer follows. */
const NO_OAUTH_ERROR = /^HTTP (\d+): Invalid OAuth error response: /;

/**
 * Turns anything thrown while talking MCP into a {@link CommandError}. What this adds to
 * {@link toCommandError}: an answer that is no MCP message, or one with a result of another shape.
 *
 * @param error anything thrown.
 */
export function toMcpFailure(error: unknown): CommandError {
  const options = { cause: error };
  if (error instanceof SdkError && error.code === SdkErrorCode.InvalidResult) {
    return new CommandError(
      "invalid_result",
      `The server breaks the rules of MCP: ${
        nameWrongMembers(error.message)
      }. Tell whoever runs it.`,
      ExitCode.unexpected,
      options,
    );
  }
  const probed = error instanceof SdkError && error.code === SdkErrorCode.EraNegotiationFailed;
  const found = describeAnswer(probed ? error.cause : error);
  if (found === undefined) return toCommandError(error);
  return new CommandError(
    "not_mcp",
    `There is a server, but it does not speak MCP at this address: it answers with ${found}. ` +
      'The address often ends in /mcp; "deno task client doctor" looks for it.',
    ExitCode.unreachable,
    options,
  );
}

/** What came instead of an MCP message, to complete a sentence. */
function describeAnswer(error: unknown): string | undefined {
  if (error instanceof z.core.$ZodError) return "JSON of another kind";
  if (error instanceof SyntaxError) return "JSON that breaks off, or is none";
  if (error instanceof SdkError && error.code === SdkErrorCode.ClientHttpUnexpectedContent) {
    return "neither JSON nor a stream of events";
  }
  return undefined;
}

/** "Invalid result for tools/list: [{ path: … }]" without the schema's own words. */
function nameWrongMembers(message: string): string {
  const [, subject = "", reason = ""] = /^Invalid (result for [^:]*): (.*)$/s.exec(message) ?? [];
  const issues = issuesSchema.safeParse(parseJson(reason)).data;
  if (!issues) return sanitizeLine(message).replace(/\.$/, "");
  const members = new Set(issues.map(({ path }) => path.join(".") || "all of it"));
  return `missing or wrong in the ${sanitizeLine(subject)}: ${
    sanitizeLine([...members].join(", "))
  }`;
}

/**
 * Turns anything thrown while talking to an authorization server into a {@link CommandError}. What
 * this adds to {@link toCommandError}: an answer that could not be read.
 *
 * @param error anything thrown.
 */
export function toOAuthFailure(error: unknown): CommandError {
  const [, status] = error instanceof OAuthError && NO_OAUTH_ERROR.exec(error.message) || [];
  if (status !== undefined) {
    return new CommandError(
      "invalid_answer",
      `The authorization server answered HTTP ${status} with something else than OAuth has for that, perhaps a web page. Try again later, or tell whoever runs it.`,
      ExitCode.unreachable,
      { cause: error },
    );
  }
  if (!(error instanceof SyntaxError || error instanceof z.core.$ZodError)) {
    return toCommandError(error);
  }
  return new CommandError(
    "invalid_answer",
    `The authorization server's answer cannot be used: ${
      explainUnreadable(error)
    }. Tell whoever runs it.`,
    ExitCode.notAuthorized,
    { cause: error },
  );
}

/** What is wrong with a document or an answer that could not be read, to complete a sentence. */
export function explainUnreadable(error: unknown): string {
  if (error instanceof SyntaxError) return "it is not JSON but perhaps a web page";
  if (error instanceof z.core.$ZodError) {
    const members = new Set(error.issues.map(({ path }) => path[0] ?? "all of it"));
    return `missing or wrong in it: ${sanitizeLine([...members].join(", "))}`;
  }
  return error instanceof Error ? sanitizeLine(error.message).replace(/\.$/, "") : "unknown";
}
