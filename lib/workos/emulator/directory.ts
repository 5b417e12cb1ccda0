/** Who exists: users, organizations, memberships, connections, roles, sessions. */

import type {
  Connection,
  Impersonator,
  Membership,
  NewConnection,
  NewUser,
  Organization,
  User,
} from "./entities.ts";
import { notFoundRefusal } from "./errors.ts";
import { Policies } from "./policies.ts";
import { Sessions } from "./sessions.ts";

/**
 * What an environment knows, and what developers, administrators and identity providers do to it.
 * The operations throw a {@link RefusalError} (`entity_not_found`) for ids that do not exist.
 */
export class Directory {
  readonly sessions: Sessions;
  readonly policies: Policies = new Policies();
  readonly #users = new Map<string, User>();
  readonly #organizations = new Map<string, Organization>();
  readonly #memberships = new Map<string, Membership>();
  readonly #connections = new Map<string, Connection>();
  readonly #connectionUsers = new Map<string, ReadonlySet<string>>();
  readonly #permissions = new Map<string, readonly string[]>();
  readonly #impersonators = new Map<string, Impersonator>();

  /**
   * @param now clock, in milliseconds.
   * @param newId makes the random part of session ids and refresh tokens.
   */
  constructor(private readonly now: () => number, newId: () => string) {
    this.sessions = new Sessions(now, newId);
  }

  /** Adds a user. */
  addUser(user: NewUser): void {
    this.#users.set(user.id, {
      object: "user",
      id: user.id,
      email: user.email,
      email_verified: user.emailVerified ?? true,
      name: `${user.firstName} ${user.lastName}`,
      first_name: user.firstName,
      last_name: user.lastName,
      profile_picture_url: null,
      last_sign_in_at: null,
      locale: null,
      ...this.#timestamps(),
    });
  }

  /** Adds an organization. */
  addOrganization(id: string, name: string): void {
    this.#organizations.set(id, {
      object: "organization",
      id,
      name,
      allow_profiles_outside_organization: false,
      domains: [],
      ...this.#timestamps(),
    });
  }

  /** Makes a user an active member, or active again. */
  addMembership(userId: string, organizationId: string, role: string): void {
    const organization = this.getOrganization(organizationId);
    this.#memberships.set(membershipId(this.getUser(userId).id, organization.id), {
      object: "organization_membership",
      id: membershipId(userId, organizationId),
      user_id: userId,
      organization_id: organizationId,
      organization_name: organization.name,
      status: "active",
      directory_managed: false,
      role: { slug: role },
      roles: [{ slug: role }],
      ...this.#timestamps(),
    });
  }

  /** Adds an active SSO connection. */
  addConnection(connection: NewConnection): void {
    this.#connections.set(connection.id, {
      object: "connection",
      id: connection.id,
      organization_id: this.getOrganization(connection.organizationId).id,
      name: connection.name,
      connection_type: "GenericSAML",
      state: "active",
      domains: [],
      ...this.#timestamps(),
    });
    this.#connectionUsers.set(connection.id, new Set(connection.userIds));
  }

  /** Gives a member other roles, the highest first. In tokens with the next refresh. */
  setRole(userId: string, organizationId: string, role: string, ...lower: string[]): void {
    const membership = this.#getMembership(userId, organizationId);
    membership.role = { slug: role };
    membership.roles = [role, ...lower].map((slug) => ({ slug }));
    membership.updated_at = this.#timestamp();
  }

  /** Says what a role may do; a new one comes into being. In tokens with the next refresh. */
  setPermissions(role: string, permissions: readonly string[]): void {
    this.#permissions.set(role, permissions);
  }

  /** What an identity provider does when somebody leaves: inactive, and signed out. */
  deactivateMembership(userId: string, organizationId: string): void {
    const membership = this.#getMembership(userId, organizationId);
    membership.status = "inactive";
    membership.updated_at = this.#timestamp();
    for (const session of this.sessions.listByUser(userId)) {
      if (session.organization_id === organizationId) this.sessions.revoke(session);
    }
  }

  /** Deletes a membership. Sessions stay, but cannot be refreshed for that organization. */
  removeMembership(userId: string, organizationId: string): void {
    this.#memberships.delete(this.#getMembership(userId, organizationId).id);
  }

  /** Deletes a user with all memberships and sessions. */
  deleteUser(userId: string): void {
    this.#users.delete(this.getUser(userId).id);
    for (const membership of this.listMemberships({ userId })) {
      this.#memberships.delete(membership.id);
    }
    this.sessions.listByUser(userId).forEach((session) => this.sessions.revoke(session));
  }

  /** Ends a session. Ending an ended one is no error. */
  revokeSession(sessionId: string): void {
    const session = this.sessions.get(sessionId);
    if (session === undefined) throw notFoundRefusal("Session", sessionId);
    this.sessions.revoke(session);
  }

  /** Lets an administrator sign in as a user from now on; without one, the user again. */
  setImpersonator(userId: string, impersonator?: Impersonator): void {
    if (impersonator === undefined) this.#impersonators.delete(userId);
    else this.#impersonators.set(this.getUser(userId).id, impersonator);
  }

  /** Who signs in as this user, if not the user. */
  getImpersonator(userId: string): Impersonator | undefined {
    return this.#impersonators.get(userId);
  }

  /** The user with this id. */
  getUser(id: string): User {
    return found(this.#users, "User", id);
  }

  /** The user with this e-mail address, in any case. */
  findUserByEmail(email: string): User | undefined {
    return this.listUsers().find((user) => user.email.toLowerCase() === email.toLowerCase());
  }

  /** Every user. */
  listUsers(): User[] {
    return [...this.#users.values()];
  }

  /** Notes a sign-in. */
  recordSignIn(user: User): void {
    user.last_sign_in_at = this.#timestamp();
  }

  /** The organization with this id. */
  getOrganization(id: string): Organization {
    return found(this.#organizations, "Organization", id);
  }

  /** Every organization. */
  listOrganizations(): Organization[] {
    return [...this.#organizations.values()];
  }

  /** The connection with this id. */
  getConnection(id: string): Connection {
    return found(this.#connections, "Connection", id);
  }

  /** Every connection. */
  listConnections(): Connection[] {
    return [...this.#connections.values()];
  }

  /** Whether the identity provider behind a connection knows a user. */
  canUseConnection(connection: Connection, user: User): boolean {
    return this.#connectionUsers.get(connection.id)?.has(user.id) ?? false;
  }

  /** Memberships in every status, of a user, of an organization, or of both together. */
  listMemberships(
    { userId, organizationId }: {
      userId?: string | undefined;
      organizationId?: string | undefined;
    },
  ): Membership[] {
    return [...this.#memberships.values()].filter((membership) =>
      (userId === undefined || membership.user_id === userId) &&
      (organizationId === undefined || membership.organization_id === organizationId)
    );
  }

  /** The active memberships of a user. */
  listActiveMemberships(userId: string): Membership[] {
    return this.listMemberships({ userId }).filter(({ status }) => status === "active");
  }

  /** The membership of a user in an organization, if it is active. */
  findActiveMembership(userId: string, organizationId: string): Membership | undefined {
    return this.listActiveMemberships(userId)
      .find((membership) => membership.organization_id === organizationId);
  }

  /** What a member may do: the permissions of all roles. */
  listPermissions(membership: Membership): string[] {
    const slugs = (membership.roles ?? []).flatMap(({ slug }) => this.#permissions.get(slug) ?? []);
    return [...new Set(slugs)];
  }

  #getMembership(userId: string, organizationId: string): Membership {
    return found(this.#memberships, "Membership", membershipId(userId, organizationId));
  }

  #timestamp(): string {
    return new Date(this.now()).toISOString();
  }

  #timestamps(): { created_at: string; updated_at: string } {
    return { created_at: this.#timestamp(), updated_at: this.#timestamp() };
  }
}

function found<Entity>(entities: ReadonlyMap<string, Entity>, kind: string, id: string): Entity {
  const entity = entities.get(id);
  if (entity === undefined) throw notFoundRefusal(kind, id);
  return entity;
}

function membershipId(userId: string, organizationId: string): string {
  return `om_${userId.replace("user_", "")}_${organizationId.replace("org_", "")}`;
}
