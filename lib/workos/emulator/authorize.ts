/** `/user_management/authorize`: where people sign in. */

import {
  AuthorizationError,
  type AuthorizationRequest,
  readAuthorizationRequest,
} from "./authorization_request.ts";
import { type Parameters, readParameters } from "./body.ts";
import type { Directory } from "./directory.ts";
import type { Membership, User } from "./entities.ts";
import type { Environment } from "./environment.ts";
import { renderChoicePage } from "./pages.ts";
import { describeUser } from "./people.ts";
import { findSetupProblem, renderSetupProblem } from "./setup_problem.ts";

/** A request on its way through the pages. */
interface Step {
  environment: Environment;
  parameters: URLSearchParams;
  authorization: AuthorizationRequest;
}

/**
 * Answers an authorization request (RFC 6749 §4.1.1): with a page, or, given the `login_hint` of a
 * known user, with the redirect at once.
 *
 * @param request GET, or POST to answer one of the pages; the parameters are in the query.
 * @param environment whose people sign in.
 */
export async function authorize(request: Request, environment: Environment): Promise<Response> {
  const parameters = new URL(request.url).searchParams;
  const problem = findSetupProblem(parameters, environment);
  if (problem !== undefined) return await renderSetupProblem(request, problem);
  try {
    const authorization = readAuthorizationRequest(parameters, environment);
    const step = { environment, parameters, authorization };
    return request.method === "POST"
      ? await continueSignIn(step, await readParameters(request))
      : await startSignIn(step);
  } catch (error) {
    if (!(error instanceof AuthorizationError)) throw error;
    return redirect(parameters, { error: error.code, error_description: error.message });
  }
}

async function startSignIn(step: Step): Promise<Response> {
  const user = step.environment.directory.findUserByEmail(step.parameters.get("login_hint") ?? "");
  return user === undefined ? await askForUser(step) : finishSignIn(step, user);
}

async function continueSignIn(step: Step, form: Parameters): Promise<Response> {
  const { directory } = step.environment;
  const user = directory.findUserByEmail(form.get("email") ?? form.get("user") ?? "");
  if (user === undefined) return await askForUser(step);
  if (!step.authorization.hosted || step.authorization.organizationId !== undefined) {
    return finishSignIn(step, user);
  }
  const memberships = directory.listActiveMemberships(user.id);
  const chosen = form.get("organization_id");
  if (chosen === undefined && memberships.length > 1) {
    return await askForOrganization(step, user, memberships);
  }
  return finishSignIn(step, user, chosen);
}

/** Checks that this person may come this way, and hands out the code. */
function finishSignIn(
  { environment, parameters, authorization }: Step,
  user: User,
  organizationId: string | undefined = authorization.organizationId,
): Response {
  const { directory } = environment;
  const { connection } = authorization;
  if (connection !== undefined && !directory.connections.knows(connection, user)) {
    throw new AuthorizationError("access_denied", `${connection.name} does not know this person.`);
  }
  if (
    organizationId !== undefined &&
    directory.findActiveMembership(user.id, organizationId) === undefined
  ) {
    throw new AuthorizationError("access_denied", "Not a member of this organization.");
  }
  const code = environment.newId();
  environment.codes.add(code, {
    userId: user.id,
    organizationId,
    authenticationMethod: authorization.hosted && usesSso(user, organizationId, directory)
      ? "SSO"
      : authorization.authenticationMethod,
    hosted: authorization.hosted,
    codeChallenge: authorization.codeChallenge,
  });
  return redirect(parameters, { code });
}

/** AuthKit's pages send people to the identity provider where their organization asks for it. */
function usesSso(user: User, organizationId: string | undefined, directory: Directory): boolean {
  const required = directory.policies.getRequiredConnections(organizationId) ?? [];
  return required.some((id) => directory.connections.knows(directory.connections.get(id), user));
}

function askForUser({ environment, parameters, authorization }: Step): Promise<Response> {
  const { directory } = environment;
  const { connection } = authorization;
  return renderChoicePage({
    title: connection === undefined ? "Sign in" : `Sign in with ${connection.name}`,
    text: `Choose who you are. You return to ${readRedirectUri(parameters).host}.`,
    name: "email",
    choices: directory.listUsers().map((user) => ({
      value: user.email,
      label: user.email,
      detail: describeUser(user, directory),
    })),
    cancelUrl: buildCancelUrl(parameters),
  });
}

function askForOrganization(
  { parameters }: Step,
  user: User,
  memberships: readonly Membership[],
): Promise<Response> {
  return renderChoicePage({
    title: "Choose an organization",
    text: `${user.email} belongs to several.`,
    name: "organization_id",
    choices: memberships.map((membership) => ({
      value: membership.organization_id,
      label: membership.organization_name,
      detail: membership.role.slug,
    })),
    hidden: { user: user.email },
    cancelUrl: buildCancelUrl(parameters),
  });
}

function buildCancelUrl(parameters: URLSearchParams): string {
  return buildReturnUrl(parameters, {
    error: "access_denied",
    error_description: "The person cancelled the sign-in.",
  });
}

function redirect(parameters: URLSearchParams, result: Record<string, string>): Response {
  return new Response(null, {
    status: 302,
    headers: { location: buildReturnUrl(parameters, result), "cache-control": "no-store" },
  });
}

/** Adds the result and the untouched `state` to the redirect URI (RFC 6749 §4.1.2). */
function buildReturnUrl(parameters: URLSearchParams, result: Record<string, string>): string {
  const url = readRedirectUri(parameters);
  for (const [name, value] of Object.entries(result)) url.searchParams.set(name, value);
  const state = parameters.get("state");
  if (state !== null) url.searchParams.set("state", state);
  return url.href;
}

function readRedirectUri(parameters: URLSearchParams): URL {
  return new URL(parameters.get("redirect_uri") ?? "");
}
