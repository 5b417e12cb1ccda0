/** What administrators ask for beside a password, and what they add to tokens. */

import { apiRefusal, oauthRefusal, type RefusalError } from "./errors.ts";
import type { Membership, User } from "./entities.ts";

/** What a JWT template can use. */
export interface TemplateContext {
  user: User;
  /** Absent without a selected organization. */
  membership: Membership | undefined;
}

/** Claims that no JWT template may set. */
const RESERVED = new Set(["iss", "sub", "exp", "iat", "nbf", "jti"]);

/** Codes that WorkOS answers in the shape of OAuth; all others have the shape of its API. */
const OAUTH_SHAPED = new Set(["organization_authentication_methods_required"]);

/** Policies of an environment, none at first. */
export class Policies {
  readonly #stepUps = new Map<string, string>();
  readonly #connections = new Map<string, readonly string[]>();
  #template: (context: TemplateContext) => Record<string, unknown> = () => ({});

  /**
   * Asks one person for more from now on, in every answer that AuthKit's pages do not lead through:
   * `mfa_enrollment`, `radar_challenge` … Without a code, for no more.
   */
  requireStepUp(userId: string, code?: string): void {
    if (code === undefined) this.#stepUps.delete(userId);
    else this.#stepUps.set(userId, code);
  }

  /** Lets people into an organization by single sign-on only; without connections, in any way. */
  requireSso(organizationId: string, ...connectionIds: string[]): void {
    if (connectionIds.length === 0) this.#connections.delete(organizationId);
    else this.#connections.set(organizationId, connectionIds);
  }

  /** The connections an organization lets people in by; undefined for any way. */
  getRequiredConnections(organizationId: string | undefined): readonly string[] | undefined {
    return organizationId === undefined ? undefined : this.#connections.get(organizationId);
  }

  /** Sets the JWT template: what it returns is added to tokens, or replaces what is there. */
  setJwtTemplate(template: (context: TemplateContext) => Record<string, unknown>): void {
    this.#template = template;
  }

  /** The claims of the JWT template. */
  renderClaims(context: TemplateContext): Record<string, unknown> {
    const claims = Object.entries(this.#template(context));
    return Object.fromEntries(claims.filter(([name]) => !RESERVED.has(name)));
  }

  /** The answer to somebody who has to come by single sign-on; undefined for who has, or need not. */
  refuseUntilSso(
    user: User,
    organizationId: string | undefined,
    isSso: boolean,
  ): RefusalError | undefined {
    const connections = this.getRequiredConnections(organizationId);
    if (isSso || connections === undefined) return undefined;
    return oauthRefusal("sso_required", "The organization requires single sign-on.", {
      connection_ids: connections,
      email: user.email,
    });
  }

  /**
   * The answer to somebody who is asked for more; undefined for everybody else.
   *
   * @param createPendingToken makes the handle for the sign-in that waits; a refresh has none.
   */
  refuseUntilSteppedUp(user: User, createPendingToken?: () => string): RefusalError | undefined {
    const code = this.#stepUps.get(user.id);
    if (code === undefined) return undefined;
    if (OAUTH_SHAPED.has(code)) {
      return oauthRefusal(code, "The organization does not allow this authentication method.", {
        auth_methods: { sso: true, password: false },
        sso_connection_ids: [],
        email: user.email,
      });
    }
    const message = "One more step is required to finish the authentication.";
    return apiRefusal(403, code, message, {
      ...createPendingToken && { pending_authentication_token: createPendingToken() },
      ...describeStep(code, user),
    });
  }
}

/** What comes with the codes that bring more than the user. */
function describeStep(code: string, user: User): Record<string, unknown> {
  switch (code) {
    case "email_verification_required":
      return { email: user.email, email_verification_id: `email_verification_${user.id}` };
    case "mfa_challenge":
      return { user, authentication_factors: [{ id: `auth_factor_${user.id}`, type: "totp" }] };
    default:
      return { user };
  }
}
