/** `POST /user_management/authenticate`: proof of a sign-in for a session. */

import type { AuthenticationMethod, AuthenticationResponseResponse } from "@workos-inc/node";
import { type Parameters, readParameters, requireParameter } from "./body.ts";
import type { Membership } from "./entities.ts";
import type { Environment, SignIn } from "./environment.ts";
import { apiRefusal, oauthRefusal, type RefusalError } from "./errors.ts";
import { deriveCodeChallenge, equalSecrets } from "./secrets.ts";
import type { RenewableSession } from "./sessions.ts";

/**
 * Answers a token request. Unlike RFC 6749 §5.1 there is no `token_type`, `expires_in` or `scope`.
 *
 * @param request POST with JSON or a form.
 * @param environment whose people sign in.
 * @throws {RefusalError} in both of WorkOS's shapes.
 */
export async function authenticate(request: Request, environment: Environment): Promise<Response> {
  const parameters = await readParameters(request);
  checkClient(parameters, environment);
  const grantType = requireParameter(parameters, "grant_type");
  switch (grantType) {
    case "authorization_code":
      return Response.json(await exchangeCode(parameters, environment));
    case "refresh_token":
      return Response.json(await refresh(parameters, environment));
    case "urn:workos:oauth:grant-type:organization-selection":
      return Response.json(await selectOrganization(parameters, environment));
    default:
      throw oauthRefusal("unsupported_grant_type", `The emulator does not know ${grantType}.`);
  }
}

/**
 * The secret is always asked for. WorkOS also takes public clients, which prove themselves by PKCE
 * alone; a server that forgets its secret should find out here.
 */
function checkClient(parameters: Parameters, environment: Environment): void {
  if (parameters.get("client_id") !== environment.clientId) {
    throw oauthRefusal("invalid_client", "Invalid client ID.");
  }
  if (!equalSecrets(parameters.get("client_secret") ?? "", environment.apiKey)) {
    throw oauthRefusal("invalid_client", "Invalid client secret.");
  }
}

async function exchangeCode(parameters: Parameters, environment: Environment) {
  const code = requireParameter(parameters, "code");
  // Taken before anything is checked: a code allows one attempt.
  const signIn = environment.codes.take(code);
  if (signIn === undefined) {
    throw oauthRefusal("invalid_grant", "The code has expired or is invalid.");
  }
  checkCodeVerifier(signIn.codeChallenge, parameters.get("code_verifier"));
  checkStepUp(signIn, environment);
  const memberships = environment.directory.listActiveMemberships(signIn.userId);
  if (signIn.organizationId === undefined && memberships.length > 1) {
    throw refuseUntilSelected(signIn, memberships, environment);
  }
  const organizationId = signIn.organizationId ?? memberships[0]?.organization_id;
  return await startSession({ ...signIn, organizationId }, parameters, environment);
}

/** RFC 7636 §4.6, with WorkOS's own code for a verifier nobody announced. */
function checkCodeVerifier(challenge: string | undefined, verifier: string | undefined): void {
  if (challenge === undefined && verifier === undefined) return;
  if (challenge === undefined) {
    throw apiRefusal(400, "code_challenge_not_found", "The sign-in sent no code_challenge.");
  }
  if (verifier === undefined) throw oauthRefusal("invalid_request", "code_verifier is missing.");
  if (!equalSecrets(deriveCodeChallenge(verifier), challenge)) {
    throw oauthRefusal("invalid_grant", "code_verifier does not match code_challenge.");
  }
}

/** What AuthKit's pages ask for themselves, the application has to ask for on every other way in. */
function checkStepUp(signIn: SignIn, { directory, pendingAuthentications, newId }: Environment) {
  if (signIn.hosted) return;
  const user = directory.getUser(signIn.userId);
  const refusal = directory.policies.refuseUntilSteppedUp(user, () => {
    const token = newId();
    pendingAuthentications.add(token, signIn);
    return token;
  });
  if (refusal !== undefined) throw refusal;
}

/** AuthKit's pages ask for the organization; on every other way in, the application has to. */
function refuseUntilSelected(
  signIn: SignIn,
  memberships: readonly Membership[],
  environment: Environment,
): RefusalError {
  const token = environment.newId();
  environment.pendingAuthentications.add(token, signIn);
  return apiRefusal(
    403,
    "organization_selection_required",
    "The user must choose an organization to finish their authentication.",
    {
      pending_authentication_token: token,
      organizations: memberships.map((membership) => ({
        id: membership.organization_id,
        name: membership.organization_name,
      })),
      user: environment.directory.getUser(signIn.userId),
    },
  );
}

async function selectOrganization(parameters: Parameters, environment: Environment) {
  const token = requireParameter(parameters, "pending_authentication_token");
  const organizationId = requireParameter(parameters, "organization_id");
  const signIn = environment.pendingAuthentications.get(token);
  if (signIn === undefined) {
    throw apiRefusal(
      400,
      "invalid_pending_authentication_token",
      "The pending authentication token has expired or is invalid.",
    );
  }
  checkMembership(signIn.userId, organizationId, environment);
  // Only now: after a wrong choice the person may choose again.
  environment.pendingAuthentications.take(token);
  return await startSession({ ...signIn, organizationId }, parameters, environment);
}

async function startSession(signIn: SignIn, parameters: Parameters, environment: Environment) {
  const { directory } = environment;
  const user = directory.listUsers().find(({ id }) => id === signIn.userId);
  if (user === undefined) throw oauthRefusal("invalid_grant", "The user no longer exists.");
  if (signIn.organizationId !== undefined) {
    checkMembership(user.id, signIn.organizationId, environment);
  }
  const isSso = signIn.authenticationMethod === "SSO";
  const refusal = directory.policies.refuseUntilSso(user, signIn.organizationId, isSso);
  if (refusal !== undefined) throw refusal;
  const impersonator = directory.getImpersonator(user.id);
  const authenticationMethod = impersonator ? "Impersonation" : signIn.authenticationMethod;
  directory.recordSignIn(user);
  const record = directory.sessions.create({
    userId: user.id,
    organizationId: signIn.organizationId,
    authenticationMethod,
    impersonator,
    ipAddress: parameters.get("ip_address"),
    userAgent: parameters.get("user_agent"),
  });
  return await renderSession(record, environment, authenticationMethod);
}

/** Roles and permissions are read again; everything is checked before the token is spent. */
async function refresh(parameters: Parameters, environment: Environment) {
  const refreshToken = requireParameter(parameters, "refresh_token");
  const record = environment.directory.sessions.findByRefreshToken(refreshToken);
  const organizationId = parameters.get("organization_id") ?? record.session.organization_id;
  if (organizationId !== undefined) {
    checkMembership(record.session.user_id, organizationId, environment);
  }
  const { policies } = environment.directory;
  const user = environment.directory.getUser(record.session.user_id);
  const isSso = record.session.auth_method === "sso";
  const refusal = policies.refuseUntilSso(user, organizationId, isSso) ??
    policies.refuseUntilSteppedUp(user);
  if (refusal !== undefined) throw refusal;
  environment.directory.sessions.rotate(record, organizationId);
  return await renderSession(record, environment);
}

function checkMembership(userId: string, organizationId: string, { directory }: Environment): void {
  if (directory.findActiveMembership(userId, organizationId) !== undefined) return;
  throw oauthRefusal(
    "organization_membership_not_found",
    "The user is not an active member of the organization.",
  );
}

async function renderSession(
  { session, refreshToken }: RenewableSession,
  { directory, accessTokens }: Environment,
  authenticationMethod?: AuthenticationMethod,
): Promise<AuthenticationResponseResponse> {
  const membership = session.organization_id === undefined
    ? undefined
    : directory.findActiveMembership(session.user_id, session.organization_id);
  const permissions = membership ? directory.listPermissions(membership) : [];
  const user = directory.getUser(session.user_id);
  const claims = directory.policies.renderClaims({ user, membership });
  return {
    user,
    ...membership && { organization_id: membership.organization_id },
    access_token: await accessTokens.sign(session, membership, permissions, claims),
    refresh_token: refreshToken,
    ...authenticationMethod && { authentication_method: authenticationMethod },
    ...session.impersonator && { impersonator: session.impersonator },
  };
}
