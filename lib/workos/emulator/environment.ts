/** An environment: what WorkOS calls one client id with its keys, redirect URIs and people. */

import type { AuthenticationMethod } from "@workos-inc/node";
import type { AccessTokens } from "./access_tokens.ts";
import type { AuditLog } from "./audit_log.ts";
import type { Directory } from "./directory.ts";
import type { ExpiringMap } from "./expiring_map.ts";
import type { ResourceAccess } from "./resource_access.ts";

/** A sign-in that is proven but not yet exchanged for a session. */
export interface SignIn {
  /** `user_…` */
  userId: string;
  /** `org_…`, if one was named or chosen already. */
  organizationId?: string | undefined;
  authenticationMethod: AuthenticationMethod;
  /** Whether AuthKit's own pages have led through it: they ask for all that a policy wants. */
  hosted: boolean;
}

/** Everything an endpoint needs. */
export interface Environment {
  /** Origin of every endpoint. */
  origin: string;
  /** `<origin>/user_management/<client id>` */
  issuer: string;
  clientId: string;
  apiKey: string;
  /** Exact, or with `*` for the port. */
  redirectUris: readonly string[];
  directory: Directory;
  resourceAccess: ResourceAccess;
  auditLog: AuditLog;
  accessTokens: AccessTokens;
  /** Authorization codes. */
  codes: ExpiringMap<SignIn & { codeChallenge?: string | undefined }>;
  /** Sign-ins that wait for the choice of an organization. */
  pendingAuthentications: ExpiringMap<SignIn>;
  /** Makes the random part of an id, 128 bits. */
  newId: () => string;
}
