/** Who belongs to which organization, and as what. */

import { createMembership, type Membership, type Organization, type User } from "./entities.ts";
import { findOrRefuse } from "./errors.ts";
import type { EventLog } from "./event_log.ts";

/** Every membership. Operations throw a {@link RefusalError} for ids that do not exist. */
export class Memberships {
  readonly #memberships = new Map<string, Membership>();

  /**
   * @param events where changes are noted.
   * @param now clock, in milliseconds.
   */
  constructor(private readonly events: EventLog, private readonly now: () => number) {}

  /** Makes a user an active member, or active again with this role. */
  add(user: User, organization: Organization, role: string): void {
    const id = deriveMembershipId(user.id, organization.id);
    const known = this.#memberships.get(id);
    if (known !== undefined) {
      known.status = "active";
      return this.setRoles(id, role);
    }
    const membership = createMembership(id, user, organization, role, this.#timestamp());
    this.#memberships.set(id, membership);
    this.events.append("organization_membership.created", membership);
  }

  /** The membership with this id. */
  get(id: string): Membership {
    return findOrRefuse(this.#memberships, "OrganizationMembership", id);
  }

  /** Every membership. */
  list(): Membership[] {
    return [...this.#memberships.values()];
  }

  /** Gives a member other roles, the highest first. */
  setRoles(id: string, highest: string, ...lower: string[]): void {
    const membership = this.get(id);
    membership.role = { slug: highest };
    membership.roles = [highest, ...lower].map((slug) => ({ slug }));
    this.#noteChange(membership);
  }

  /** Makes a member inactive, or active again with the roles from before. Sessions stay. */
  setStatus(id: string, status: "active" | "inactive"): Membership {
    const membership = this.get(id);
    if (membership.status !== status) {
      membership.status = status;
      this.#noteChange(membership);
    }
    return membership;
  }

  /** Deletes a membership. Sessions stay, but cannot be refreshed for that organization. */
  remove(id: string): void {
    const membership = this.get(id);
    this.#memberships.delete(id);
    this.events.append("organization_membership.deleted", membership);
  }

  #noteChange(membership: Membership): void {
    membership.updated_at = this.#timestamp();
    this.events.append("organization_membership.updated", membership);
  }

  #timestamp(): string {
    return new Date(this.now()).toISOString();
  }
}

/**
 * The id of a membership, which tests can know beforehand: `om_bob_acme`.
 *
 * @param userId `user_bob`
 * @param organizationId `org_acme`
 */
export function deriveMembershipId(userId: string, organizationId: string): string {
  return `om_${userId.replace("user_", "")}_${organizationId.replace("org_", "")}`;
}
