/** Who exists: users, organizations and memberships, and what belongs to them. */

import { Connections } from "./connections.ts";
import { DirectorySync } from "./directory_sync.ts";
import {
  createOrganization,
  createUser,
  type Impersonator,
  type Membership,
  type NewConnection,
  type NewUser,
  type Organization,
  type User,
  type UserChanges,
} from "./entities.ts";
import { findOrRefuse, notFoundRefusal } from "./errors.ts";
import type { EventLog } from "./event_log.ts";
import { deriveMembershipId, Memberships } from "./memberships.ts";
import { Policies } from "./policies.ts";
import { Sessions } from "./sessions.ts";

/**
 * What an environment knows, and what developers, administrators and identity providers do to it.
 * The operations throw a {@link RefusalError} (`entity_not_found`) for ids that do not exist.
 */
export class Directory {
  readonly sessions: Sessions;
  readonly policies: Policies = new Policies();
  readonly connections: Connections = new Connections();
  readonly memberships: Memberships;
  readonly sync: DirectorySync;
  readonly #users = new Map<string, User>();
  readonly #organizations = new Map<string, Organization>();
  readonly #permissions = new Map<string, readonly string[]>();
  readonly #impersonators = new Map<string, Impersonator>();

  /**
   * @param events where changes are noted.
   * @param now clock, in milliseconds.
   * @param newId makes the random part of ids and refresh tokens.
   */
  constructor(readonly events: EventLog, private readonly now: () => number, newId: () => string) {
    this.sessions = new Sessions(events, now, newId);
    this.memberships = new Memberships(events, now);
    this.sync = new DirectorySync(events, now, newId);
  }

  /** Adds a user. */
  addUser(user: NewUser): void {
    const added = createUser(user, this.#timestamp());
    this.#users.set(user.id, added);
    this.events.append("user.created", added);
  }

  /** Changes what is known of a user. Another address is not verified, unless told. */
  updateUser(userId: string, changes: UserChanges): void {
    const user = this.getUser(userId);
    const { email = user.email } = changes;
    user.email_verified = changes.emailVerified ?? (email === user.email && user.email_verified);
    user.email = email;
    user.first_name = changes.firstName ?? user.first_name;
    user.last_name = changes.lastName ?? user.last_name;
    user.name = `${user.first_name} ${user.last_name}`;
    user.updated_at = this.#timestamp();
    this.events.append("user.updated", user);
  }

  /** Deletes a user with all memberships and sessions. */
  deleteUser(userId: string): void {
    const user = this.getUser(userId);
    this.listMemberships({ userId }).forEach(({ id }) => this.memberships.remove(id));
    this.sessions.listByUser(userId).forEach((session) => this.sessions.revoke(session));
    this.#users.delete(userId);
    this.events.append("user.deleted", user);
  }

  /** Adds an organization. */
  addOrganization(id: string, name: string): void {
    const organization = createOrganization(id, name, this.#timestamp());
    this.#organizations.set(id, organization);
    this.events.append("organization.created", organization);
  }

  /** Deletes an organization with memberships, connections and directories. Sessions stay. */
  deleteOrganization(organizationId: string): void {
    const organization = this.getOrganization(organizationId);
    this.listMemberships({ organizationId }).forEach(({ id }) => this.memberships.remove(id));
    this.connections.removeByOrganization(organizationId);
    this.sync.deleteByOrganization(organizationId);
    this.#organizations.delete(organizationId);
    this.events.append("organization.deleted", organization);
  }

  /** Makes a user an active member, or active again with this role. */
  addMembership(userId: string, organizationId: string, role: string): void {
    this.memberships.add(this.getUser(userId), this.getOrganization(organizationId), role);
  }

  /** Gives a member other roles, the highest first. In tokens with the next refresh. */
  setRole(userId: string, organizationId: string, role: string, ...lower: string[]): void {
    this.memberships.setRoles(deriveMembershipId(userId, organizationId), role, ...lower);
  }

  /** What an identity provider does when somebody leaves: inactive, and signed out. */
  deactivateMembership(userId: string, organizationId: string): void {
    this.memberships.setStatus(deriveMembershipId(userId, organizationId), "inactive");
    for (const session of this.sessions.listByUser(userId)) {
      if (session.organization_id === organizationId) this.sessions.revoke(session);
    }
  }

  /** Deletes a membership. Sessions stay, but cannot be refreshed for that organization. */
  removeMembership(userId: string, organizationId: string): void {
    this.memberships.remove(deriveMembershipId(userId, organizationId));
  }

  /** Adds an active SSO connection. */
  addConnection(connection: NewConnection): void {
    this.getOrganization(connection.organizationId);
    this.connections.add(connection, this.#timestamp());
  }

  /** Says what a role may do; a new one comes into being. In tokens with the next refresh. */
  setPermissions(role: string, permissions: readonly string[]): void {
    const event = this.hasRole(role) ? "role.updated" : "role.created";
    this.#permissions.set(role, permissions);
    this.events.append(event, {
      object: "role",
      slug: role,
      resource_type_slug: "organization",
      permissions: [...permissions],
      created_at: this.#timestamp(),
      updated_at: this.#timestamp(),
    });
  }

  /** Whether there is a role. */
  hasRole(role: string): boolean {
    return this.#permissions.has(role);
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
    return findOrRefuse(this.#users, "User", id);
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
    return findOrRefuse(this.#organizations, "Organization", id);
  }

  /** Every organization. */
  listOrganizations(): Organization[] {
    return [...this.#organizations.values()];
  }

  /** Memberships in every status, of a user, of an organization, or of both together. */
  listMemberships(
    { userId, organizationId }: {
      userId?: string | undefined;
      organizationId?: string | undefined;
    },
  ): Membership[] {
    return this.memberships.list().filter((membership) =>
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

  #timestamp(): string {
    return new Date(this.now()).toISOString();
  }
}
