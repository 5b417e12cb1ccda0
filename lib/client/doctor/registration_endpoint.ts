/** Whether a client could register (RFC 7591), without registering one. */

import { ExitCode } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { type Answer, ask, describeAnswer, readObject } from "./answer.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

const STEP = "registration";

/** No JSON: no server can take it for a registration. */
const UNREADABLE = "{";

/** Errors that are not about what was sent, but about who sent it. */
const CLOSED = [
  "access_denied",
  "invalid_client",
  "invalid_software_statement",
  "invalid_token",
  "unapproved_software_statement",
  "unauthorized_client",
];

/**
 * Looks at the registration endpoint with what no server can take for a registration, so that
 * nothing is left behind there, and reads from the refusal whether it is meant for everybody
 * (RFC 7591 §3.2.2).
 *
 * @param url the endpoint.
 * @param redirectUrl where the browser would come back to.
 */
export async function checkRegistrationEndpoint(
  context: ClientContext,
  url: URL,
  redirectUrl: string,
): Promise<Finding> {
  const answer = await send(context, url, UNREADABLE);
  if (errorOf(answer) !== "invalid_redirect_uri") return judge(url, answer);
  // Maybe only because there was none. This one is right, and something else is wrong.
  const next = await send(
    context,
    url,
    JSON.stringify({ redirect_uris: [redirectUrl], grant_types: 0, response_types: 0 }),
  );
  if (errorOf(next) !== "invalid_redirect_uri") return judge(url, next);
  return problem(STEP, url.href, describeAnswer(next), {
    code: "redirect_uri_refused",
    message: `No client may register that comes back to ${redirectUrl}.`,
    fault: "authorization_server",
    advice: "Try --callback-host localhost, or register a client there by hand and name it with " +
      "--client-id.",
  });
}

function send(context: ClientContext, url: URL, body: string): Promise<Answer> {
  return ask(context, url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body,
  });
}

function errorOf(answer: Answer): string | undefined {
  const error = answer.status === 400 ? readObject(answer)?.error : undefined;
  return typeof error === "string" ? error : undefined;
}

function judge(url: URL, answer: Answer): Finding {
  const { status } = answer;
  const seen = describeAnswer(answer);
  const byHand = "Register a client there by hand and name it with --client-id.";
  const fault = "authorization_server";
  if (status === 401 || status === 403 || CLOSED.includes(errorOf(answer) ?? "")) {
    return problem(STEP, url.href, seen, {
      code: "registration_closed",
      message: "Only clients that are let in may register.",
      fault,
      advice: byHand,
    });
  }
  if (status === 404 || status === 405) {
    return problem(STEP, url.href, seen, {
      code: "no_registration",
      message: "There is no registration at that address.",
      fault,
      advice: byHand,
    });
  }
  if (status === 429 || status >= 500) {
    return problem(STEP, url.href, seen, {
      code: "registration_unavailable",
      message: "Clients cannot register right now.",
      fault,
      advice: "Try again later.",
    }, ExitCode.unreachable);
  }
  if (status >= 400) {
    return ok(STEP, url.href, "a new one would be made; what is no registration is refused");
  }
  if (typeof readObject(answer)?.client_id === "string") {
    return warning(STEP, url.href, seen, {
      code: "registration_careless",
      message: "It registers even what is no registration.",
      fault,
      advice: "Tell whoever runs it.",
    });
  }
  return problem(STEP, url.href, seen, {
    code: "no_registration",
    message: "It neither registers a client nor refuses to: it is something else.",
    fault,
    advice: byHand,
  });
}
