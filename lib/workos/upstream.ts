/** What this server needs of WorkOS, whichever way a person signs in. */

/** What WorkOS says about a signed-in person at one moment. */
export interface Identity {
  /** `user_…` */
  userId: string;
  /** `session_…`, or `app_consent_…` of Connect: the handle for ending the session at WorkOS. */
  sessionId: string;
  /** `org_…`, absent for a person without a selected organization. */
  organizationId?: string;
  /** Absent where WorkOS does not tell. */
  email?: string;
  /** Whether WorkOS has verified that the e-mail address belongs to the person. */
  emailVerified: boolean;
  /** Given and family name, if known. */
  name?: string;
  pictureUrl?: string;
  /** Role slug in the organization. */
  role?: string;
  /** All role slugs, the highest first. */
  roles: string[];
  /** Permission slugs in the organization. */
  permissions: string[];
  entitlements: string[];
  featureFlags: string[];
  /** `SSO`, `Password`, `GoogleOAuth` … as WorkOS names them. */
  authenticationMethod?: string;
  /** E-mail address of the WorkOS administrator acting as this person. */
  impersonator?: string;
}

/** A session at WorkOS: its identity and the credential that renews it. Never leaves the server. */
export interface UpstreamSession {
  identity: Identity;
  /** Works once. */
  refreshToken: string;
  /** When WorkOS has to be asked again, in epoch milliseconds (`exp` of its access token). */
  expiresAt: number;
}

/** What a person came back from WorkOS with. */
export interface CodeExchange {
  code: string;
  /** PKCE verifier of the leg to WorkOS. */
  codeVerifier: string;
  /** Of the person, for WorkOS's own defences; absent when not known for certain. */
  ipAddress?: string;
  userAgent?: string;
}

/** Another way into WorkOS than the configured one, where WorkOS asks for it. */
export type SignInRoute =
  /** Straight to an SSO connection, `conn_…`. */
  | { connectionId: string }
  /** Through AuthKit's own pages, which ask for whatever else WorkOS wants. */
  | { provider: "authkit"; organizationId?: string };

/** An organization of a person who has to choose one. */
export interface OrganizationChoice {
  /** `org_…` */
  id: string;
  name: string;
}

/** The choice of an organization that WorkOS waits for. */
export interface OrganizationSelection {
  /** WorkOS's handle for the sign-in that waits. Secret. */
  pendingToken: string;
  organizationId: string;
  ipAddress?: string;
  userAgent?: string;
}

/** Where a person is sent to sign in. */
export interface AuthorizationUrlRequest {
  state: string;
  /** S256 challenge of the leg to WorkOS (RFC 7636). */
  codeChallenge: string;
  /** E-mail address to prefill. */
  loginHint?: string;
  /** Instead of the configured way. */
  route?: SignInRoute;
}

/** The renewal of a session. */
export interface RefreshRequest {
  refreshToken: string;
  /** `org_…` that the session has to be for afterwards; absent for none. */
  organizationId?: string | undefined;
  /** That of the sign-in, since WorkOS does not repeat it. */
  authenticationMethod?: string | undefined;
  /** Who the person was at the last renewal, for what WorkOS does not repeat. */
  identity?: Identity | undefined;
}

/**
 * A way of signing in at WorkOS.
 *
 * Every method that makes a call throws {@link UnavailableError} when WorkOS does not give a
 * usable answer, and {@link WorkOSSetupError} when it refuses this server's own credentials.
 */
export interface Upstream {
  /** The URL of the sign-in at WorkOS. */
  getAuthorizationUrl(request: AuthorizationUrlRequest): Promise<string>;

  /**
   * Exchanges the code WorkOS sent to `/auth/callback`.
   *
   * @throws {SignInRefusedError} when WorkOS or the configured policy refuses the person. With a
   *   `identity`, a session is open at WorkOS, and it is up to the caller to end it. With a
   *   `route`, the sign-in may go on that way.
   * @throws {OrganizationSelectionError} when the person has to choose an organization first.
   */
  exchangeCode(exchange: CodeExchange): Promise<UpstreamSession>;

  /**
   * Finishes a sign-in that waited for the choice of an organization.
   *
   * @throws {SignInRefusedError} as with {@link exchangeCode}.
   */
  selectOrganization(selection: OrganizationSelection): Promise<UpstreamSession>;

  /**
   * Renews a session; roles and permissions are read again.
   *
   * @throws {SessionEndedError} when WorkOS no longer honours the session.
   * @throws {UnverifiedRenewalError} when the session is renewed, but the answer cannot be trusted,
   *   or is for another organization than was asked for.
   * @throws {SignInRefusedError} when the organization now asks for another way of signing in.
   */
  refresh(request: RefreshRequest): Promise<UpstreamSession>;

  /** Ends the session at WorkOS, where there is such a thing. Ending an ended one is no error. */
  revokeSession(sessionId: string): Promise<void>;

  /** Resolves when WorkOS accepts this server's credentials. */
  checkCredentials(): Promise<void>;

  /** Fetches what verification needs (issuer, keys) unless it is there already. */
  prepare(): Promise<void>;
}
