/** What WorkOS's refusals of a sign-in mean to the person, by WorkOS's code. */

/** One of WorkOS's refusals. */
export interface Refusal {
  /** What the person, their administrator or the operator can do. */
  message: string;
  /**
   * - `person`: it is about who signs in and how, so a session that gets it is over;
   * - `pages`: the same, and AuthKit's own pages lead a person through what is asked for;
   * - `setup`: the operator has to act, and no session is over for it.
   */
  kind: "person" | "pages" | "setup";
}

const REFUSALS: Record<Refusal["kind"], Record<string, string>> = {
  person: {
    application_consent_required: "WorkOS wants your consent to an application, and this server " +
      "cannot ask you for it. Ask its operator to sign people in through AuthKit.",
    entity_not_found: "The organization or the account does not exist any more.",
    extra_attributes_required: "Your company's sign-in sends too little about you. Ask your " +
      "administrator to check which attributes it sends.",
    invalid_connection: "The SSO connection is not usable. Ask your administrator to check it.",
    invalid_organization_id: "There is no such organization.",
    invalid_pending_authentication_token: "The choice took too long. Connect again.",
    invalid_profile: "Your company's sign-in sends nothing that WorkOS can use. Ask your " +
      "administrator to check the SSO connection.",
    invitation_cannot_be_used_for_email: "The invitation is for another e-mail address. Sign in " +
      "with that one.",
    invitation_invalid: "The invitation is not valid any more. Ask for a new one.",
    organization_membership_not_found: "You are not an active member of the organization. Ask " +
      "its administrator to add you.",
    organization_not_found: "The organization does not exist any more.",
    organization_selection_required: "You belong to several organizations. Sign in again and " +
      "choose one.",
    sign_up_not_allowed: "New accounts are not allowed here. Ask your administrator for one.",
    sso_required: "Your organization asks for single sign-on. Sign in again with it.",
    user_mismatch: "You signed in as somebody else than before. Connect again.",
  },
  pages: {
    authentication_method_not_allowed:
      "This way of signing in is switched off. Sign in again and choose another.",
    email_password_auth_disabled:
      "Signing in by password is switched off. Sign in again and choose another way.",
    email_verification_required: "Verify your e-mail address at WorkOS, then sign in again.",
    mfa_challenge: "Your organization asks for a second factor. Sign in again and enter it.",
    mfa_enrollment: "Your organization asks for a second factor. Set one up, then sign in again.",
    mfa_verification: "Your organization asks for a second factor. Sign in again and enter it.",
    organization_authentication_methods_required: "Your organization does not allow this way of " +
      "signing in. Sign in again and choose one that it allows.",
    passkey_progressive_enrollment: "Set up the passkey that WorkOS asks for, then sign in again.",
    radar_challenge: "WorkOS wants to make sure it is you. Sign in again and follow its steps.",
    radar_email_challenge:
      "WorkOS wants to make sure it is you. Sign in again and enter the code " +
      "that it sends you by e-mail.",
    radar_sign_up_challenge: "WorkOS wants to make sure it is you. Sign in again and follow its " +
      "steps.",
    radar_sms_challenge: "WorkOS wants to make sure it is you. Sign in again and enter the code " +
      "that it sends to your phone.",
  },
  setup: {
    code_challenge_not_found: "WorkOS lost the code_challenge of this sign-in. Connect again; if " +
      "it happens again, tell the operator.",
    pkce_not_supported:
      "The WorkOS application does not take PKCE. The operator has to switch it " +
      "on.",
    token_too_big:
      "WorkOS's access token is too big. The operator has to shorten the JWT template.",
  },
};

const BY_CODE: ReadonlyMap<string, Refusal> = new Map(
  (["person", "pages", "setup"] as const).flatMap((kind) =>
    Object.entries(REFUSALS[kind]).map(([code, message]) => [code, { message, kind }])
  ),
);

/** Finds what is known about a code of WorkOS. */
export function findRefusal(code: string): Refusal | undefined {
  return BY_CODE.get(code);
}
