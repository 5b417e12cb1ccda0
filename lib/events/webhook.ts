/** `POST /webhooks/workos`: WorkOS tells what has changed. */

import { AsyncLocalStorage } from "node:async_hooks";
import { OAuthError } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { Log } from "../log.ts";
import { readBody } from "../request_body.ts";
import type { Inbox } from "./inbox.ts";
import { findSignatureProblem, type SignatureProblem } from "./webhook_signature.ts";
import { readAccessChange, readEvent } from "./workos_event.ts";

/** Largest event, in bytes. */
const MAX_EVENT = 64 * 1024;

/** What {@link createWebhook} needs. */
export interface WebhookOptions {
  /** Secret of the webhook endpoint, `whsec_…` or as the dashboard shows it. */
  secret: string;
  inbox: Inbox;
  /** Called with what went wrong after the answer. */
  onFailure: (error: unknown) => void;
  log: Log;
  now: () => number;
}

/**
 * Makes the handler of `POST /webhooks/workos`. It answers 200 as soon as an event is kept, also for
 * one that was there before, or that means nothing here.
 *
 * @returns a handler that throws {@link OAuthError} `invalid_request` for what is not WorkOS's, and
 *   {@link UnavailableError} when nothing can be kept; WorkOS tries again then.
 */
export function createWebhook(
  { secret, inbox, onFailure, log, now }: WebhookOptions,
): (request: Request) => Promise<Response> {
  // Whatever waits is handled then, and is not that request's doing: in the audit log, people would
  // act from WorkOS's address. `exit` would be for this, but in Deno it ends at the first `await`.
  const runOutsideRequest = AsyncLocalStorage.snapshot();

  return async (request) => {
    const body = await readBody(request, MAX_EVENT);
    const header = request.headers.get("workos-signature");
    const problem = findSignatureProblem(header, body, secret, now());
    if (problem !== undefined) {
      // What comes without a signature is nobody's who meant to pass for WorkOS.
      log[problem === "unsigned" ? "debug" : "info"]("event_refused", { reason: problem });
      throw new OAuthError("invalid_request", EXPLANATIONS[problem]);
    }
    const event = readEvent(parseJson(body));
    if (!event) {
      log.warning("event_refused", { reason: "malformed" });
      throw new OAuthError("invalid_request", "The body is not an event of WorkOS.");
    }
    const change = readAccessChange(event);
    const fields = { event_id: event.id, name: event.event };
    if (change === "nothing") log.debug("event_ignored", fields);
    else if (change === "unreadable") {
      log.warning("event_refused", { ...fields, reason: "malformed" });
    } else if (!await inbox.add(change)) log.info("event_repeated", fields);
    else {
      log.info("event_received", fields);
      runOutsideRequest(() => inbox.handle()).catch(onFailure);
    }
    return Response.json({ received: true });
  };
}

const EXPLANATIONS: Readonly<Record<SignatureProblem, string>> = {
  unsigned: "There is no WorkOS-Signature header of the form t=..., v1=... .",
  wrong_signature:
    "The WorkOS-Signature is not that of this body. Check WORKOS_WEBHOOK_SECRET: it " +
    "is the secret of this endpoint in the WorkOS dashboard.",
  too_old: "The WorkOS-Signature is too old. If it is not, check this machine's clock.",
  from_future: "The WorkOS-Signature is dated ahead. If it is not, check this machine's clock.",
};
