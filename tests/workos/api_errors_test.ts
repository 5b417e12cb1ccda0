/** What WorkOS's refusals become, through the SDK that spreads them over its classes. */

import assert from "node:assert/strict";
import {
  OrganizationSelectionError,
  SessionEndedError,
  SignInRefusedError,
  UnavailableError,
  WorkOSSetupError,
} from "../../lib/errors.ts";
import { createWorkOSApi } from "../../lib/workos/api.ts";
import type { ApiStep } from "../../lib/workos/api_errors.ts";

/** What a call becomes that WorkOS answers in this way. */
async function translate(step: ApiStep, status: number, body: unknown): Promise<unknown> {
  const api = createWorkOSApi({
    config: {
      apiUrl: "https://api.workos.test",
      credentials: { clientId: "client_test", apiKeys: ["sk_test_key"] },
    },
    fetch: () => Promise.resolve(Response.json(body, { status })),
  });
  const work = api.call(
    step,
    ({ userManagement }) =>
      userManagement.authenticateWithCode({ clientId: "client_test", code: "code" }),
  );
  return await work.then(() => "no error", (error) => error);
}

async function refusalOf(...answer: Parameters<typeof translate>): Promise<SignInRefusedError> {
  const error = await translate(...answer);
  assert.ok(error instanceof SignInRefusedError, `${JSON.stringify(answer)}: ${error}`);
  return error;
}

const PERSON = [
  "application_consent_required",
  "entity_not_found",
  "extra_attributes_required",
  "invalid_connection",
  "invalid_organization_id",
  "invalid_pending_authentication_token",
  "invalid_profile",
  "invitation_cannot_be_used_for_email",
  "invitation_invalid",
  "organization_membership_not_found",
  "organization_not_found",
  "organization_selection_required",
  "sign_up_not_allowed",
  "sso_required",
  "user_mismatch",
];
const PAGES = [
  "authentication_method_not_allowed",
  "email_password_auth_disabled",
  "email_verification_required",
  "mfa_challenge",
  "mfa_enrollment",
  "mfa_verification",
  "organization_authentication_methods_required",
  "passkey_progressive_enrollment",
  "radar_challenge",
  "radar_email_challenge",
  "radar_sign_up_challenge",
  "radar_sms_challenge",
];
const SETUP = ["code_challenge_not_found", "pkce_not_supported", "token_too_big"];

Deno.test("every code that WorkOS documents is a refusal with a sentence of its own, in each envelope", async () => {
  const sentences = new Set<string>();
  for (const code of [...PERSON, ...PAGES, ...SETUP]) {
    const [first, ...others] = await Promise.all([
      refusalOf("exchange", 400, { error: code, error_description: "Theirs." }),
      refusalOf("exchange", 403, { code, message: "Theirs." }),
      refusalOf("exchange", 400, { code, message: "Theirs.", errors: [{ code: "x" }] }),
      refusalOf("exchange", 404, { code, message: "Theirs." }),
      refusalOf("exchange", 409, { code, message: "Theirs." }),
      refusalOf("exchange", 422, { code, message: "Theirs." }),
    ]);
    assert.equal(first.code, code);
    assert.match(first.message, /^[A-Z].*\.$/);
    assert.doesNotMatch(first.message, /Theirs/);
    for (const other of others) assert.equal(other.message, first.message, code);
    sentences.add(first.message);
  }
  // Two pairs of codes ask the person for the same.
  assert.equal(sentences.size, PERSON.length + PAGES.length + SETUP.length - 2);
});

Deno.test("a renewal that is refused is over, but not for what the operator has to mend", async () => {
  for (const code of [...PERSON, ...PAGES]) {
    assert.equal((await refusalOf("refresh", 403, { code, message: "No." })).code, code);
  }
  for (const code of [...SETUP, "invalid_request", "something_new"]) {
    const error = await translate("refresh", 400, { error: code });
    assert.ok(error instanceof UnavailableError, code);
  }
  const ended = await translate("refresh", 400, { error: "invalid_grant" });
  assert.ok(ended instanceof SessionEndedError);
});

Deno.test("what AuthKit's pages lead through has them as the way on", async () => {
  for (const code of PAGES) {
    const { route } = await refusalOf("exchange", 403, { code, message: "No." });
    assert.deepEqual(route, { provider: "authkit" }, code);
  }
  for (const code of [...PERSON.filter((code) => code !== "sso_required"), ...SETUP]) {
    assert.equal((await refusalOf("exchange", 403, { code })).route, undefined, code);
  }
});

Deno.test("single sign-on leads to the connection if there is exactly one", async () => {
  const routeOf = async (ids: unknown) =>
    (await refusalOf("exchange", 400, { error: "sso_required", connection_ids: ids })).route;
  assert.deepEqual(await routeOf(["conn_1"]), { connectionId: "conn_1" });
  for (const ids of [[], ["conn_1", "conn_2"], undefined, "conn_1", ["../evil"], [1], null]) {
    assert.deepEqual(await routeOf(ids), { provider: "authkit" }, JSON.stringify(ids));
  }
  const bare = await refusalOf("exchange", 400, {
    message: "Must use SSO for selected organization",
  });
  assert.equal(bare.code, "sso_required");
  assert.deepEqual(bare.route, { provider: "authkit" });
});

Deno.test("a step that nobody knows yet is a refusal if WorkOS waits for it", async () => {
  const body = { code: "retina_scan", message: "Look.", pending_authentication_token: "pending" };
  for (const step of ["exchange", "refresh"] as const) {
    const { code, message, route } = await refusalOf(step, 403, body);
    assert.equal(code, "retina_scan");
    assert.match(message, /tell the operator/);
    assert.deepEqual(route, { provider: "authkit" });
  }
});

Deno.test("organizations to choose from are cleaned, and what is none is left out", async () => {
  const ask = (organizations: unknown) =>
    translate("exchange", 403, {
      code: "organization_selection_required",
      message: "Choose.",
      pending_authentication_token: "pending",
      organizations,
    });
  const error = await ask([
    { id: "org_1", name: " Acme\u202e\u0000 ", more: true },
    { id: "org_2", name: "x".repeat(500) },
    { id: "org_3", name: "\u200b" },
    { id: "javascript:alert(1)", name: "Evil" },
    { id: "org_5" },
    null,
    "org_6",
  ]);
  assert.ok(error instanceof OrganizationSelectionError);
  assert.equal(error.pendingToken, "pending");
  assert.deepEqual(error.organizations, [
    { id: "org_1", name: "Acme" },
    { id: "org_2", name: "x".repeat(100) },
    { id: "org_3", name: "org_3" },
  ]);
  const many = await ask(
    Array.from({ length: 1000 }, (_, i) => ({ id: `org_${i}`, name: `${i}` })),
  );
  assert.ok(many instanceof OrganizationSelectionError && many.organizations.length === 200);
  for (const nothing of [[], null, "org_1", [{ id: 1 }]]) {
    assert.ok(await ask(nothing) instanceof SignInRefusedError, JSON.stringify(nothing));
  }
});

Deno.test("a choice that a renewal asks for is for a new sign-in", async () => {
  const { code, message } = await refusalOf("refresh", 403, {
    code: "organization_selection_required",
    pending_authentication_token: "pending",
    organizations: [{ id: "org_1", name: "Acme" }],
  });
  assert.equal(code, "organization_selection_required");
  assert.match(message, /Sign in again and choose one/);
});

Deno.test("limits, outages and a wrong key are nobody's refusal", async () => {
  for (const step of ["exchange", "refresh", "manage"] as const) {
    for (const status of [408, 429, 500, 503]) {
      const error = await translate(step, status, { code: "sso_required", message: "x" });
      assert.ok(error instanceof UnavailableError, `${step} ${status}`);
    }
    assert.ok(await translate(step, 401, { code: "mfa_challenge" }) instanceof WorkOSSetupError);
    const unknownClient = await translate(step, 400, { error: "invalid_client" });
    assert.ok(unknownClient instanceof WorkOSSetupError);
  }
  assert.ok(
    await translate("manage", 404, { code: "entity_not_found" }) instanceof UnavailableError,
  );
});
