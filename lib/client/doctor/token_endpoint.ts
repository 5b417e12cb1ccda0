/** The authorization server's endpoints that need no browser: tokens and revocation. */

import type { OAuthDiscoveryState } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { readRevocationMetadata } from "../discovery.ts";
import { checkNamedUrl } from "../server_url.ts";
import { ask, describeAnswer, readObject } from "./answer.ts";
import { type Finding, ok, problem, problemOf, warning } from "./finding.ts";

/** Sends the token endpoint a request without a code, which it has to refuse (RFC 6749 §5.2). */
export async function checkTokenEndpoint(
  context: ClientContext,
  { authorizationServerUrl, authorizationServerMetadata: metadata }: OAuthDiscoveryState,
): Promise<Finding> {
  const step = "token_endpoint";
  const url = new URL(metadata?.token_endpoint ?? new URL("/token", authorizationServerUrl));
  const fault = "authorization_server";
  try {
    const answer = await ask(context, url, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        accept: "application/json",
      },
      body: "grant_type=authorization_code",
    });
    const { status } = answer;
    if (status === 429 || status >= 500) {
      return problem(step, url.href, describeAnswer(answer), {
        code: "authorization_server_unavailable",
        message: "Tokens cannot be had right now.",
        fault,
        advice: "Try again later. If it stays so, tell whoever runs it.",
      }, ExitCode.unreachable);
    }
    if (status === 404 || status === 405) {
      return problem(step, url.href, describeAnswer(answer), {
        code: "no_token_endpoint",
        message: "There is no token endpoint at that address.",
        fault,
        advice: "Tell whoever runs it.",
      });
    }
    if (status < 400) {
      const seen = describeAnswer(answer);
      // Some large ones refuse with 200, and a sign-in works there (RFC 6749 §5.2 wants 400).
      return typeof readObject(answer)?.error === "string"
        ? warning(step, url.href, seen, {
          code: "token_endpoint_lenient",
          message: "It refuses a request without a code, but calls that a success.",
          fault,
          advice: "This client accepts that; others may not. Tell whoever runs it.",
        })
        : problem(step, url.href, seen, {
          code: "token_endpoint_unclear",
          message: "It does not refuse a request without a code, so it is something else.",
          fault,
          advice: "Tell whoever runs it.",
        });
    }
    return ok(step, url.href, "it answers, and refuses a request without a code");
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return problemOf(step, url.href, error, fault);
  }
}

/** Whether a logout could end the sign-in at the server too (RFC 7009). */
export function checkRevocation(
  { serverUrl }: ClientContext,
  { authorizationServerUrl, authorizationServerMetadata: metadata }: OAuthDiscoveryState,
): Finding {
  const step = "revocation";
  const { revocation_endpoint: address } = readRevocationMetadata(metadata);
  if (address === undefined) {
    return warning(step, authorizationServerUrl, "no revocation endpoint", {
      code: "no_revocation",
      message: "A logout is forgotten on this machine only: tokens stay good until they run out.",
      fault: "authorization_server",
    });
  }
  try {
    const { href } = checkNamedUrl(address, "revocation endpoint", serverUrl);
    return ok(step, href, "a logout ends the sign-in at the server too");
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { code, message } = error;
    return warning(step, authorizationServerUrl, "not usable", {
      code,
      message,
      fault: "authorization_server",
    });
  }
}
