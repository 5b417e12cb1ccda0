/** Whether the authorization server would send the browser back to this machine. */

import {
  type OAuthDiscoveryState,
  startAuthorization,
  type StoredOAuthClientInformation,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../../errors.ts";
import { CALLBACK_PATH } from "../callback_server.ts";
import type { ClientContext } from "../context.ts";
import { issuerOf, tokenRequestOptions } from "../discovery.ts";
import { isTransient } from "../failure.ts";
import { sanitizeLine } from "../sanitize.ts";
import type { ServerRecord } from "../server_record.ts";
import { checkNamedUrl } from "../server_url.ts";
import { type Answer, ask, describeAnswer, describeUrl } from "./answer.ts";
import { type Finding, ok, problem, problemOf, skipped } from "./finding.ts";

/** Stands for the free port a sign-in would listen on, if nothing fixes it. */
const SOME_PORT = 33_418;

/** Answers to somebody who has not signed in, of a server that accepts the request. */
const INTERACTION_ERRORS = ["login_required", "interaction_required", "consent_required"];

const STEP = "redirect_uri";

/**
 * The redirect URI a sign-in would use, as far as it is known before one.
 *
 * @param record what is known of the server.
 * @param issuer the authorization server.
 */
export function expectRedirectUrl(
  { settings: { callbackHost, callbackPort } }: ClientContext,
  record: ServerRecord | undefined,
  issuer: string,
): string {
  const host = callbackHost.includes(":") ? `[${callbackHost}]` : callbackHost;
  const kept = URL.parse(record?.issuers[issuer]?.registration?.redirect_uri ?? "");
  const port = callbackPort ?? (kept?.hostname === host ? kept.port : SOME_PORT);
  return `http://${host}:${port}${CALLBACK_PATH}`;
}

/**
 * Asks for an authorization as a browser would, and looks only at the first answer: nobody signs
 * in. A server that asks nobody may make a code, which then ends unused. Without a client that is
 * known there, this cannot be asked.
 *
 * @param scope scopes to ask for.
 */
export async function checkRedirect(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
  client: StoredOAuthClientInformation | undefined,
  redirectUrl: string,
  scope: string | undefined,
): Promise<Finding> {
  if (!client) {
    return skipped(STEP, redirectUrl, "only a registered client can ask; a sign-in registers one");
  }
  const { authorizationUrl } = await startAuthorization(discovery.authorizationServerUrl, {
    ...tokenRequestOptions(discovery),
    ...scope !== undefined && { scope },
    clientInformation: client,
    redirectUrl,
    state: context.random(16).toHex(),
  });
  try {
    checkNamedUrl(authorizationUrl.href, "sign-in page", context.serverUrl);
    const answer = await ask(context, authorizationUrl, { headers: { accept: "text/html" } });
    return judgeAnswer(context, answer, redirectUrl, issuerOf(discovery));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return problemOf(STEP, redirectUrl, error, "authorization_server");
  }
}

function judgeAnswer(
  { serverUrl }: ClientContext,
  answer: Answer,
  redirectUrl: string,
  issuer: string,
): Finding {
  const { status, headers, url } = answer;
  const fault = "authorization_server";
  if (status === 429 || status >= 500) {
    return problem(STEP, redirectUrl, describeAnswer(answer), {
      code: "authorization_server_unavailable",
      message: "The sign-in page cannot be shown right now.",
      fault,
      advice: "Try again later.",
    }, ExitCode.unreachable);
  }
  if (status >= 400) {
    return problem(STEP, redirectUrl, describeAnswer(answer), {
      code: "authorization_refused",
      message: "The client, or its redirect URI, is not known there (any more).",
      fault,
      advice: `If --client-id names the client, register ${redirectUrl} for it, or give the port ` +
        "that is registered as --callback-port. Otherwise forget the registration with " +
        `"deno task client cache clear ${serverUrl.href}".`,
    });
  }
  const target = status >= 300 ? URL.parse(headers.get("location") ?? "", url) : null;
  if (!target) return ok(STEP, redirectUrl, "accepted: the sign-in page opens");
  const error = target.searchParams.get("error");
  if (error !== null && !INTERACTION_ERRORS.includes(error)) {
    // Words of another issuer are not to be shown (RFC 9207 §2.4; CL-8).
    const sender = target.searchParams.get("iss") ?? issuer;
    const description = target.searchParams.get("error_description");
    const words = sender === issuer && description !== null ? `: ${sanitizeLine(description)}` : "";
    const code = sender === issuer ? sanitizeLine(error, 60) : "an error of another issuer";
    return problem(
      STEP,
      redirectUrl,
      `refused with ${code}`,
      {
        code: "authorization_refused",
        message: `The authorization server refuses the request (${code})${words}.`,
        fault,
        advice: "Check --scope and --client-id, or tell whoever runs it.",
      },
      isTransient(error) ? ExitCode.unreachable : ExitCode.notAuthorized,
    );
  }
  return ok(STEP, redirectUrl, `accepted: the browser goes on to ${describeUrl(target.href)}`);
}
