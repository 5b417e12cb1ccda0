/** The things the WorkOS API shows, with the fields the WorkOS SDK reads, and what makes new ones. */

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
