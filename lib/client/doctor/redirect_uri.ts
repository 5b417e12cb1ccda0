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
import { openListener, refusesClient } from "../redirect_listener.ts";
import { sanitizeLine } from "../sanitize.ts";
import { checkNamedUrl } from "../server_url.ts";
import { type Answer, ask, describeAnswer, describeUrl } from "./answer.ts";
import { type Finding, ok, problem, problemOf, skipped, warning } from "./finding.ts";

/** Stands for the free port of a sign-in, if there is none to be had. */
const SOME_PORT = 33_418;

/** Answers to somebody who has not signed in, of a server that accepts the request. */
const INTERACTION_ERRORS = ["login_required", "interaction_required", "consent_required"];

const STEP = "redirect_uri";

/** What came of listening where a browser would come back to. */
export interface ListenAttempt {
  redirectUrl: string;
  /** Why this program cannot listen there, if so. */
  failure?: CommandError;
}

/** Finds the redirect URI that a sign-in would use, by listening there for a moment. */
export async function tryToListen(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
): Promise<ListenAttempt> {
  const { callbackHost, callbackPort = SOME_PORT } = context.settings;
  const host = callbackHost.includes(":") ? `[${callbackHost}]` : callbackHost;
  const nobody = { handle: () => Promise.resolve(new Response(null, { status: 404 })) };
  try {
    const { listener, redirectUrl } = await openListener(context, discovery, nobody);
    await listener.close();
    return { redirectUrl };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { redirectUrl: `http://${host}:${callbackPort}${CALLBACK_PATH}`, failure: error };
  }
}

/** What the authorization server says to the redirect URI. */
export interface RedirectCheck {
  finding: Finding;
  /** Whether a sign-in would give up the registration there is. */
  registersAnew?: boolean;
}

/**
 * Asks for an authorization as a browser would, and looks only at the first answer: nobody signs
 * in. A server that asks nobody may make a code, which then ends unused. Without a client that is
 * known there, this cannot be asked.
 *
 * @param client who asks, if there is one already.
 * @param scope scopes to ask for.
 */
export async function checkRedirect(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
  client: StoredOAuthClientInformation | undefined,
  { redirectUrl, failure }: ListenAttempt,
  scope: string | undefined,
): Promise<RedirectCheck> {
  if (failure) {
    return {
      finding: problemOf(STEP, redirectUrl, failure, "you", "this program cannot listen there"),
    };
  }
  if (!client) {
    const why = "only a registered client can ask; a sign-in registers one";
    return { finding: skipped(STEP, redirectUrl, why) };
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
    const finding = judgeAnswer(answer, redirectUrl, issuerOf(discovery));
    const { clientId, clientMetadataUrl } = context.settings;
    const isOurs = clientId === undefined && client.client_id !== clientMetadataUrl;
    // What a sign-in asks itself before it opens a browser.
    const registersAnew = isOurs && finding.status === "problem" &&
      finding.trouble.code === "authorization_refused" &&
      await refusesClient(context, { authorizationUrl, redirectUrl });
    if (!registersAnew) return { finding };
    return {
      finding: warning(STEP, redirectUrl, describeAnswer(answer), {
        code: "registration_refused",
        message: "The registration that is kept here does not count there, or not with this port.",
        fault: "you",
        advice: "Nothing needs to be done: a sign-in registers anew.",
      }),
      registersAnew,
    };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { finding: problemOf(STEP, redirectUrl, error, "authorization_server") };
  }
}

function judgeAnswer(
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
      advice: `Register ${redirectUrl} for it, or give the port that is registered as ` +
        "--callback-port.",
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
