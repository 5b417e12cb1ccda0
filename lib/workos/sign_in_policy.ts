/**
 * Who is let in by the configured organization and connection, who stays in, and which other ways lead
 * there.
 */

import { isDeepStrictEqual } from "node:util";
import { SignInRefusedError, WorkOSSetupError } from "../errors.ts";
import type { Identity, SignInRoute } from "./upstream.ts";

/**
 * Where one organization is required, no other one is asked for.
 *
 * @throws {SignInRefusedError} `wrong_organization`.
 */
export function assertAllowed(required: string | undefined, wanted: string | undefined): void {
  if (required === undefined || wanted === undefined || wanted === required) return;
  throw new SignInRefusedError(
    "wrong_organization",
    "This server is for one organization only, and this is another one.",
  );
}

/**
 * Compares what WorkOS answers with the settings, and with what was asked for.
 *
 * @param required the organization that people have to come for, if there is one.
 * @param asked the organization that was asked for, or that none was; absent: any will do.
 * @throws {SignInRefusedError} `wrong_organization`.
 */
export function assertOrganization(
  identity: Identity,
  required: string | undefined,
  asked: { organizationId: string | undefined } | undefined,
): void {
  const { organizationId } = identity;
  if (required !== undefined && organizationId !== required) throw refuseOrganization(identity);
  if (asked === undefined || required !== undefined || organizationId === asked.organizationId) {
    return;
  }
  throw new SignInRefusedError(
    "wrong_organization",
    "WorkOS answered for another organization than was asked for. Sign in again.",
    { identity },
  );
}

/** For who came for another organization. */
export function refuseOrganization(identity?: Identity): SignInRefusedError {
  return new SignInRefusedError(
    "wrong_organization",
    "This server is for members of one organization, and you signed in for another. Sign in again " +
      "as a member of it.",
    { identity },
  );
}

/**
 * What was chosen by the URL that went through the browser is checked on what came back.
 *
 * @param connectionId the configured connection, if there is one.
 * @param authenticationMethod how the person came.
 * @param identity who it is, with the session that WorkOS has opened; absent: none was.
 * @throws {SignInRefusedError} `wrong_connection`.
 */
export function assertConnection(
  connectionId: string | undefined,
  authenticationMethod: string | undefined,
  identity?: Identity,
): void {
  if (connectionId === undefined || authenticationMethod === "SSO") return;
  throw new SignInRefusedError(
    "wrong_connection",
    "This server wants you to sign in through your company's single sign-on.",
    { identity },
  );
}

/**
 * Compares whom WorkOS renewed a session for with whom it was before.
 *
 * @param previous absent where that is not known.
 * @throws {WorkOSSetupError} `invalid_token`: nobody is turned away for a mix-up that is not theirs.
 */
export function assertSamePerson(previous: Identity | undefined, userId: string): void {
  if (previous === undefined || previous.userId === userId) return;
  throw new WorkOSSetupError(
    "invalid_token",
    "WorkOS renewed one person's session with another one's token.",
  );
}

/**
 * Completes the way on that a refusal names, or takes it away where it leads nowhere: back to the
 * way that was refused, or around the configured connection.
 *
 * @param configured the way that people are sent.
 * @param organizationId what they come for, if that is known.
 */
export function refineRoute(
  refusal: SignInRefusedError,
  configured: SignInRoute,
  organizationId: string | undefined,
): SignInRefusedError {
  if (refusal.route === undefined) return refusal;
  const route: SignInRoute = "connectionId" in refusal.route
    ? refusal.route
    : { provider: "authkit", ...(organizationId && { organizationId }) };
  const isOther = !isDeepStrictEqual(route, configured);
  const leavesConnection = "connectionId" in configured && "connectionId" in route;
  return new SignInRefusedError(refusal.code, refusal.message, {
    cause: refusal.cause,
    identity: refusal.identity,
    route: isOther && !leavesConnection ? route : undefined,
  });
}

/** For who wants to switch where AuthKit's own pages ask for the organization, and nobody else does. */
export function refuseSwitch(): SignInRefusedError {
  return new SignInRefusedError(
    "switch_unsupported",
    "Here the organization is chosen at the sign-in. Sign out of this server in your MCP client, " +
      "sign in again, and choose another one there.",
  );
}
