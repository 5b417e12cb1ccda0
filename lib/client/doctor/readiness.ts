/** What this project's own server says of itself and of WorkOS. Other servers are not asked twice. */

import * as z from "zod";
import { CommandError, ExitCode } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { ask, readObject } from "./answer.ts";
import { type Finding, ok, problem } from "./finding.ts";

/** `/healthz` of this project's server. */
const HEALTH = z.strictObject({ ok: z.literal(true) });

/** `/readyz`. `null` when WorkOS has not answered yet; what the server does without is absent. */
const READINESS = z.object({
  ready: z.boolean(),
  store: z.boolean().optional(),
  workos_keys: z.boolean(),
  workos_credentials: z.boolean().nullish(),
});

/** How often `/readyz` is asked while WorkOS has not answered it. */
const TRIES = 3;

/**
 * Asks `/healthz` and, if it answers as this project's server does, `/readyz`.
 *
 * @returns `undefined` for any other server.
 */
export async function checkReadiness(context: ClientContext): Promise<Finding | undefined> {
  const { origin } = context.serverUrl;
  try {
    const health = await ask(context, new URL("/healthz", origin));
    if (health.status !== 200 || !HEALTH.safeParse(readObject(health)).success) return undefined;
    for (let tries = 1;; tries++) {
      const answer = await ask(context, new URL("/readyz", origin));
      const readiness = READINESS.safeParse(readObject(answer)).data;
      if (!readiness) return undefined;
      if (readiness.workos_credentials === null && tries < TRIES) continue;
      return judge(`${origin}/readyz`, readiness);
    }
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

function judge(lookedAt: string, readiness: z.infer<typeof READINESS>): Finding {
  const { ready, store, workos_keys, workos_credentials } = readiness;
  const step = "workos";
  const seen = Object.entries(readiness).map(([part, state]) => `${part} ${state}`).join(", ");
  const log = "The server's log says why.";
  if (store === false) {
    return problem(step, lookedAt, seen, {
      code: "store_unavailable",
      message: "The server's store does not answer.",
      fault: "mcp_server",
      advice: `Check STORE_URL of the server. ${log}`,
    }, ExitCode.unreachable);
  }
  if (!workos_keys) {
    return problem(step, lookedAt, seen, {
      code: "workos_keys_missing",
      message: "The server has no keys of WorkOS, so it cannot check who signs in.",
      fault: "workos_settings",
      advice: `Check WORKOS_CLIENT_ID and WORKOS_API_URL of the server, and its network. ${log}`,
    }, ExitCode.unreachable);
  }
  if (workos_credentials === false) {
    return problem(step, lookedAt, seen, {
      code: "workos_credentials_refused",
      message: "WorkOS does not accept the server's credentials, or does not answer.",
      fault: "workos_settings",
      advice: `Check WORKOS_API_KEY and WORKOS_CLIENT_ID of the server. ${log}`,
    });
  }
  if (!ready) {
    return problem(step, lookedAt, seen, {
      code: "not_ready",
      message: "The server says it is not ready.",
      fault: "mcp_server",
      advice: log,
    }, ExitCode.unreachable);
  }
  if (workos_credentials === null) {
    return problem(step, lookedAt, "WorkOS does not answer the server", {
      code: "workos_silent",
      message: "Nobody can sign in while the server cannot ask WorkOS.",
      fault: "network",
      advice: `Run this again in a minute. ${log}`,
    }, ExitCode.unreachable);
  }
  const found = [
    ...(store ? ["store answers"] : []),
    "WorkOS keys are there",
    ...(workos_credentials ? ["WorkOS accepted the credentials within the last minute"] : []),
  ];
  return ok(step, lookedAt, found.join(", "));
}
