/** The things the WorkOS API shows, with the fields the WorkOS SDK reads, and how they begin. */

import type {
  AuthenticationMethod,
  ConnectionResponse,
  ConnectionType,
  OrganizationMembershipResponse,
  OrganizationResponse,
  SessionResponse,
  UserResponse,
} from "@workos-inc/node";

/** A user as the WorkOS API shows it. */
export type User = UserResponse;

/** An organization as the WorkOS API shows it. */
export type Organization = OrganizationResponse;

/** A membership as the WorkOS API shows it. */
export type Membership = OrganizationMembershipResponse;

/** An SSO connection as the WorkOS API shows it. */
export type Connection = Omit<ConnectionResponse, "connection_type" | "organization_id"> & {
  connection_type: `${ConnectionType}`;
  organization_id: string;
};

/** A session as the WorkOS API shows it. */
export type Session = SessionResponse;

/** A user to add. */
export interface NewUser {
  /** `user_…` */
  id: string;
  email: string;
  firstName: string;
  lastName: string;
  /** True unless told. */
  emailVerified?: boolean;
}

/** What may change about a user. */
export type UserChanges = {
  [Field in Exclude<keyof NewUser, "id">]?: NewUser[Field] | undefined;
};

/** An SSO connection to add. */
export interface NewConnection {
  /** `conn_…` */
  id: string;
  /** `org_…` */
  organizationId: string;
  name: string;
  /** Who the identity provider behind it knows. */
  userIds: readonly string[];
}

/** The administrator who acts as somebody else, and why. */
export type Impersonator = NonNullable<Session["impersonator"]>;

/** What starts a session. */
export interface NewSession {
  /** `user_…` */
  userId: string;
  /** `org_…`, if one is selected. */
  organizationId?: string | undefined;
  authenticationMethod: AuthenticationMethod;
  /** The administrator who acts as the person. */
  impersonator?: Impersonator | undefined;
  ipAddress?: string | undefined;
  userAgent?: string | undefined;
}

/**
 * Makes a user.
 *
 * @param timestamp ISO 8601.
 */
export function createUser(user: NewUser, timestamp: string): User {
  return {
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
    created_at: timestamp,
    updated_at: timestamp,
  };
}

/**
 * Makes an organization.
 *
 * @param id `org_…`
 * @param timestamp ISO 8601.
 */
export function createOrganization(id: string, name: string, timestamp: string): Organization {
  return {
    object: "organization",
    id,
    name,
    allow_profiles_outside_organization: false,
    domains: [],
    created_at: timestamp,
    updated_at: timestamp,
  };
}

/**
 * Makes an active membership.
 *
 * @param id `om_…`
 * @param role its slug.
 * @param timestamp ISO 8601.
 */
export function createMembership(
  id: string,
  user: User,
  organization: Organization,
  role: string,
  timestamp: string,
): Membership {
  return {
    object: "organization_membership",
    id,
    user_id: user.id,
    organization_id: organization.id,
    organization_name: organization.name,
    status: "active",
    directory_managed: false,
    role: { slug: role },
    roles: [{ slug: role }],
    created_at: timestamp,
    updated_at: timestamp,
  };
}

/**
 * Makes an active SSO connection.
 *
 * @param timestamp ISO 8601.
 */
export function createConnection(connection: NewConnection, timestamp: string): Connection {
  return {
    object: "connection",
    id: connection.id,
    organization_id: connection.organizationId,
    name: connection.name,
    connection_type: "GenericSAML",
    state: "active",
    domains: [],
    created_at: timestamp,
    updated_at: timestamp,
  };
}
