/**
 * What WorkOS's refusals mean. The SDK spreads them over many classes and leaves some bare, so the
 * decision is made on status and code alone, and in doubt for "not now": ending a grant for a
 * failure that passes would sign people out.
 */

import * as z from "zod";
import {
  SessionEndedError,
  SignInRefusedError,
  UnavailableError,
  WorkOSSetupError,
} from "../errors.ts";

/** What the SDK's exceptions and WorkOS's two envelopes have in common. */
const API_ERROR = z.object({
  status: z.number(),
  code: z.string().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  retryAfter: z.number().optional().catch(undefined),
  rawData: z.object({
    code: z.string().optional().catch(undefined),
    error: z.string().optional().catch(undefined),
  }).optional().catch(undefined),
});

/** What a person or an administrator can do, by WorkOS's code. */
const REFUSALS: Readonly<Record<string, string>> = {
  application_consent_required: "WorkOS asks for a consent this server cannot show.",
  authentication_method_not_allowed: "This way of signing in is switched off. Choose another.",
  email_password_auth_disabled: "Signing in by password is switched off. Choose another way.",
  email_verification_required: "Verify your e-mail address at WorkOS, then sign in again.",
  invalid_connection: "The SSO connection is not usable. Ask your administrator to check it.",
  invitation_invalid: "The invitation is not valid any more. Ask for a new one.",
  mfa_challenge: "Your organization asks for a second factor. Sign in again and enter it.",
  mfa_enrollment: "Your organization asks for a second factor. Set one up, then sign in again.",
  organization_authentication_methods_required:
    "Your organization does not allow this way of signing in. Choose one that it allows.",
  organization_membership_not_found: "You are not an active member of the organization. Ask its " +
    "administrator to add you.",
  organization_not_found: "The organization does not exist any more.",
  organization_selection_required: "You belong to several organizations, and this sign-in does " +
    "not let you choose. Ask the operator to set WORKOS_ORGANIZATION_ID.",
  passkey_progressive_enrollment: "Set up the passkey that WorkOS asks for, then sign in again.",
  radar_challenge: "WorkOS wants to make sure it is you. Sign in again and follow its steps.",
  radar_sign_up_challenge: "WorkOS wants to make sure it is you. Sign in again.",
  sign_up_not_allowed: "New accounts are not allowed here. Ask your administrator for one.",
  sso_required: "Your organization asks for single sign-on. Sign in again with it.",
};

/** What was asked of WorkOS: a code exchange, a renewal, or something else with the API key. */
export type ApiStep = "exchange" | "refresh" | "manage";

/**
 * Translates a failed call to WorkOS.
 *
 * @param error what the SDK threw.
 * @returns {@link UnavailableError} unless WorkOS clearly said no.
 */
export function translateApiError(error: unknown, step: ApiStep): Error {
  const parsed = API_ERROR.safeParse(error);
  if (!parsed.success) return unavailable("WorkOS gave no usable answer.", error);
  const { status, retryAfter, rawData } = parsed.data;
  const code = rawData?.code ?? rawData?.error ?? parsed.data.code ?? parsed.data.error;

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
  const refusal = code === undefined ? undefined : REFUSALS[code];
  if (code !== undefined && refusal !== undefined) {
    return new SignInRefusedError(code, refusal, { cause: error });
  }
  if (step === "refresh" && code === "invalid_grant") {
    return new SessionEndedError("WorkOS answers invalid_grant.", { cause: error });
  }
  if (step === "exchange") {
    return new SignInRefusedError(
      code ?? "refused",
      "WorkOS did not accept the sign-in. Connect again.",
      { cause: error },
    );
  }
  return unavailable(`WorkOS answered ${status} ${code ?? ""}`.trim(), error);
}

function unavailable(message: string, cause: unknown, retryAfter: number = 5): UnavailableError {
  return new UnavailableError("workos_unavailable", message, Math.ceil(retryAfter), { cause });
}
