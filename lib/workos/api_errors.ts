/**
 * What WorkOS's failures mean. The SDK spreads them over many classes and leaves some bare, so the
 * decision is made on status and code alone, and in doubt for "not now": ending a grant for a
 * failure that passes would sign people out.
 *
 * The step-up answers were seen from the emulator and in WorkOS's documentation only, not on a live
 * account.
 */

import * as z from "zod";
import {
  OrganizationSelectionError,
  SessionEndedError,
  SignInRefusedError,
  UnavailableError,
  WorkOSSetupError,
} from "../errors.ts";
import { findRefusal } from "./refusals.ts";
import type { OrganizationChoice, SignInRoute } from "./upstream.ts";

const TEXT = z.string().optional().catch(undefined);
const LIST = z.array(z.unknown()).catch([]);

/** What the SDK's exceptions and WorkOS's two envelopes have in common. */
const API_ERROR = z.object({
  status: z.number(),
  code: TEXT,
  error: TEXT,
  retryAfter: z.number().optional().catch(undefined),
  rawData: z.object({
    code: TEXT,
    error: TEXT,
    message: TEXT,
    pending_authentication_token: TEXT,
    organizations: LIST,
    connection_ids: LIST,
  }).optional().catch(undefined),
});

type ApiError = z.infer<typeof API_ERROR>;

const ORGANIZATION = z.object({ id: z.string().regex(/^org_\w+$/), name: z.string() });
const CONNECTION_ID = z.string().regex(/^conn_\w+$/);

/** More organizations than a person can look through are not offered. */
const MAX_ORGANIZATIONS = 200;
const MAX_NAME = 100;

/** Control and direction characters, with which a name could look like another one. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** What was asked of WorkOS: a code exchange, a renewal, or something else with the API key. */
export type ApiStep = "exchange" | "refresh" | "manage";

/**
 * Translates a failed call to WorkOS.
 *
 * @param error what the SDK threw.
 * @returns {@link UnavailableError} unless WorkOS clearly said no, or asked for one more step.
 */
export function translateApiError(error: unknown, step: ApiStep): Error {
  const parsed = API_ERROR.safeParse(error);
  if (!parsed.success) return unavailable("WorkOS gave no usable answer.", error);
  const { status, retryAfter } = parsed.data;
  const code = readCode(parsed.data);

  if (status === 401) {
    return new WorkOSSetupError(
      "invalid_api_key",
      "WorkOS refuses the API key. Check WORKOS_API_KEY: a key of this environment, not revoked.",
      { cause: error },
    );
  }
  if (status === 429 || status === 408 || status >= 500) {
    return unavailable(`WorkOS answered ${status}.`, error, retryAfter);
  }
  if (code === "invalid_client" || code === "unauthorized_client") {
    return new WorkOSSetupError(
      "invalid_client",
      "WorkOS answers invalid_client. Check that WORKOS_CLIENT_ID and WORKOS_API_KEY belong to " +
        "the same WorkOS environment.",
      { cause: error },
    );
  }
  const refusal = step === "manage" ? undefined : translateRefusal(parsed.data, code, step, error);
  return refusal ?? unavailable(`WorkOS answered ${status} ${code ?? ""}`.trim(), error);
}

const REFUSAL = z.object({ status: z.literal([400, 404, 422]), code: TEXT });

/** How WorkOS answered that it does not take what was asked. */
export type Refused = z.infer<typeof REFUSAL>;

/**
 * Tells whether WorkOS did answer a call, and does not take what was asked: asking again will not help.
 *
 * @param error what {@link translateApiError} made of it.
 */
export function readRefusal(error: unknown): Refused | undefined {
  return error instanceof UnavailableError ? REFUSAL.safeParse(error.cause).data : undefined;
}

/** The code of either envelope, the one that is known if they differ. */
function readCode({ code, error, rawData }: ApiError): string | undefined {
  const codes = [rawData?.code, rawData?.error, code, error].filter((found) => found !== undefined);
  const known = codes.find(findRefusal) ?? codes[0];
  // WorkOS says this without any code.
  return known ?? (/^must use sso/i.test(rawData?.message ?? "") ? "sso_required" : undefined);
}

/** What a no to a person, or to their session, means; undefined for what is no clear no. */
function translateRefusal(
  { rawData }: ApiError,
  code: string | undefined,
  step: "exchange" | "refresh",
  cause: unknown,
): Error | undefined {
  const pendingToken = rawData?.pending_authentication_token;
  if (step === "exchange" && code === "organization_selection_required" && pendingToken) {
    const organizations = readOrganizations(rawData.organizations);
    if (organizations.length > 0) {
      return new OrganizationSelectionError(pendingToken, organizations, { cause });
    }
  }
  const refusal = code === undefined ? undefined : findRefusal(code);
  if (code && refusal && (step === "exchange" || refusal.kind !== "setup")) {
    const route = code === "sso_required"
      ? readSsoRoute(rawData?.connection_ids)
      : refusal.kind === "pages"
      ? { provider: "authkit" } as const
      : undefined;
    return new SignInRefusedError(code, refusal.message, { cause, route });
  }
  if (code && pendingToken) {
    const message = "WorkOS asks for a step that this server does not know. Sign in again; if it " +
      "happens again, tell the operator.";
    return new SignInRefusedError(code, message, { cause, route: { provider: "authkit" } });
  }
  if (step === "exchange") {
    const message = "WorkOS did not accept the sign-in. Connect again.";
    return new SignInRefusedError(code ?? "refused", message, { cause });
  }
  if (code === "invalid_grant") {
    return new SessionEndedError("WorkOS answers invalid_grant.", { cause });
  }
  return undefined;
}

/** Through AuthKit, which lets the person choose, unless there is only one connection. */
function readSsoRoute(ids: readonly unknown[] = []): SignInRoute {
  const [first, ...others] = ids.filter((id) => CONNECTION_ID.safeParse(id).success);
  return typeof first === "string" && others.length === 0
    ? { connectionId: first }
    : { provider: "authkit" };
}

function readOrganizations(entries: readonly unknown[]): OrganizationChoice[] {
  return entries.slice(0, MAX_ORGANIZATIONS).flatMap((entry) => {
    const { data } = ORGANIZATION.safeParse(entry);
    if (data === undefined) return [];
    const name = [...data.name.replace(INVISIBLE, " ").trim()].slice(0, MAX_NAME).join("");
    return [{ id: data.id, name: name || data.id }];
  });
}

function unavailable(message: string, cause: unknown, retryAfter: number = 5): UnavailableError {
  return new UnavailableError("workos_unavailable", message, Math.ceil(retryAfter), { cause });
}
