/** Who belongs to which organization, and what they may do with a thing: the WorkOS API for tools. */

import { WorkOSSetupError } from "../errors.ts";
import type { WorkOSApi } from "./api.ts";

/** An organization that a person belongs to. */
export interface OrganizationOfPerson {
  /** `org_…` */
  id: string;
  name: string;
  /** Role slug of the person there. */
  role?: string;
}

/** A person who belongs to an organization. */
export interface Member {
  /** `user_…` */
  id: string;
  email: string;
  name?: string;
}

/** A page of a list. */
export interface Page<T> {
  items: T[];
  /** Where the next page begins; absent on the last one. */
  after?: string;
}

/** A thing that WorkOS keeps permissions for (fine-grained authorization). */
export interface AccessQuestion {
  userId: string;
  organizationId: string;
  /** Permission slug, `document:edit`. */
  permission: string;
  /** Id of the thing in this application, and the slug of its type. */
  resource: { id: string; type: string };
}

/**
 * What tools can ask WorkOS.
 *
 * @throws {UnavailableError} from every method when WorkOS does not answer, {@link WorkOSSetupError}
 *   when it refuses this server, or when this server has no API key to ask with.
 */
export interface Directory {
  /** The organizations a person is an active member of, by name. */
  listOrganizations(userId: string): Promise<OrganizationOfPerson[]>;
  /**
   * The members of an organization.
   *
   * @param page where to go on, and how many at most (100).
   */
  listMembers(
    organizationId: string,
    page?: { after?: string; limit?: number },
  ): Promise<Page<Member>>;
  /** Ids of the people with an e-mail address. */
  findUserIds(email: string): Promise<string[]>;
  /**
   * Whether a person may do something with one thing: WorkOS's fine-grained authorization, asked
   * each time. Not seen on a live account.
   */
  mayAccess(question: AccessQuestion): Promise<boolean>;
}

/** Organizations of one person that are looked at. */
const MAX_ORGANIZATIONS = 100;

/**
 * Makes the directory.
 *
 * @param api absent where the settings have no API key; every method says so then.
 */
export function createDirectory(api: WorkOSApi | undefined): Directory {
  const call: WorkOSApi["call"] = (step, work) => {
    if (api) return api.call(step, work);
    throw new WorkOSSetupError(
      "no_api_key",
      "This needs the WorkOS API, and this server has no WORKOS_API_KEY. Its operator can set one.",
    );
  };

  const listMemberships = (query: { userId: string; organizationId?: string }) =>
    call("manage", ({ userManagement }) =>
      userManagement.listOrganizationMemberships({
        ...query,
        statuses: ["active"],
        limit: MAX_ORGANIZATIONS,
      }));

  return {
    async listOrganizations(userId) {
      const { data } = await listMemberships({ userId });
      return data.map(({ organizationId, organizationName, role }) => ({
        id: organizationId,
        name: organizationName,
        role: role.slug,
      })).sort((one, other) => one.name.localeCompare(other.name));
    },

    async listMembers(organizationId, { after, limit = 100 } = {}) {
      const { data, listMetadata } = await call(
        "manage",
        ({ userManagement }) =>
          userManagement.listUsers({ organizationId, limit, ...(after && { after }) }),
      );
      return {
        items: data.map(({ id, email, firstName, lastName }) => {
          const name = [firstName, lastName].filter(Boolean).join(" ");
          return { id, email, ...(name && { name }) };
        }),
        ...(listMetadata.after && { after: listMetadata.after }),
      };
    },

    async findUserIds(email) {
      const { data } = await call(
        "manage",
        ({ userManagement }) => userManagement.listUsers({ email }),
      );
      return data.map(({ id }) => id);
    },

    async mayAccess({ userId, organizationId, permission, resource }) {
      const { data: [membership] } = await listMemberships({ userId, organizationId });
      if (membership === undefined) return false;
      const { authorized } = await call("manage", ({ authorization }) =>
        authorization.check({
          organizationMembershipId: membership.id,
          permissionSlug: permission,
          resourceExternalId: resource.id,
          resourceTypeSlug: resource.type,
        }));
      return authorized;
    },
  };
}
