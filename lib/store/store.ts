/**
 * What the server remembers, and the atomic operations on it. Times are epoch milliseconds. No
 * method reads a clock; whoever calls says what time it is.
 *
 * Every method throws {@link UnavailableError} (`store_unavailable`) when the database does not
 * answer; nothing was changed then, or the change is as atomic as the method promises.
 */

/** A registered client (RFC 7591). */
export interface ClientRow {
  id: string;
  /** The registration as it was answered, JSON. */
  metadata: string;
  /** SHA-256 of the secret; null for a public client. */
  secretHash: string | null;
  createdAt: number;
  expiresAt: number;
}

/** A sign-in that was approved and is on its way through WorkOS. */
export interface SignInRow {
  /** Hash of the state sent to WorkOS. */
  id: string;
  /** What goes on with it, sealed under a key only the approving browser has. */
  sealed: string;
  expiresAt: number;
}

/** What a person allowed a client, and the WorkOS session behind it. */
export interface GrantRow {
  id: string;
  clientId: string;
  userId: string;
  sessionId: string;
  organizationId: string | null;
  /** The resource it is for (RFC 8707): servers may share a store, but no grants. */
  resource: string;
  /** Scopes that the person approved, separated by spaces; they never change. */
  approvedScope: string;
  /** Those of them that WorkOS supported at the last renewal. */
  scope: string;
  /** Permission slugs in the organization at the last renewal, separated by spaces. */
  permissions: string;
  /** WorkOS's identity and refresh token, sealed under the grant's key. */
  sealedSession: string;
  /** Grows with each renewal at WorkOS. */
  sessionVersion: number;
  /** When WorkOS has to be asked again; 0 for before anything else. */
  sessionExpiresAt: number;
  createdAt: number;
  expiresAt: number;
}

/** What every kind of token row holds. */
interface TokenRow {
  /** SHA-256 of the token. */
  hash: string;
  /** The grant's key, sealed under a key derived from the token. */
  wrappedKey: string;
  expiresAt: number;
}

/** An authorization code. */
export interface CodeRow extends TokenRow {
  /** Hash of the access token it was exchanged for; null while it is unused. */
  redeemedFor: string | null;
  redirectUri: string;
  codeChallenge: string;
}

/** An access token; its scope may be narrower than the grant's. */
export interface AccessTokenRow extends TokenRow {
  scope: string;
}

/** A refresh token. */
export interface RefreshTokenRow extends TokenRow {
  /** When it was exchanged for a successor; null while it is the live one. */
  rotatedAt: number | null;
  /** Public part of the successor's derivation. */
  rotationSalt: string | null;
}

/** An access token with what every request to `/mcp` has to know of its grant, and no more. */
export type AccessTokenLookup =
  & Omit<AccessTokenRow, "hash">
  & {
    grant: Pick<
      GrantRow,
      | "id"
      | "clientId"
      | "userId"
      | "organizationId"
      | "resource"
      | "scope"
      | "permissions"
      | "sessionExpiresAt"
    >;
  };

/** A token with the grant it belongs to. */
export type WithGrant<Row> = Row & { grant: GrantRow };

/** Tokens to store for a grant, all or none. */
export interface TokenIssue {
  grantId: string;
  accessToken: AccessTokenRow;
  refreshToken?: Omit<RefreshTokenRow, "rotatedAt" | "rotationSalt">;
  /** New end of the grant and of its client's registration. */
  grantExpiresAt: number;
  clientExpiresAt: number;
}

/** The exchange of one refresh token for its successor. */
export interface Rotation extends TokenIssue {
  /** Hash of the token being exchanged. */
  hash: string;
  rotatedAt: number;
  rotationSalt: string;
  /** Until when the exchanged token is remembered. */
  rememberUntil: number;
}

/** Grants by whom they are of; all that is given has to match, and something has to be given. */
export interface GrantSelection {
  sessionId?: string;
  userIds?: readonly string[];
  organizationId?: string;
}

/** What is left to tell of a grant that has ended. */
export type EndedGrant = Pick<
  GrantRow,
  "id" | "clientId" | "userId" | "sessionId" | "organizationId"
>;

/** Something that WorkOS reported and that may change who has access. */
export interface ChangeRow {
  /** `event_…` */
  id: string;
  /** What it is about, JSON. */
  change: string;
}

/** Storage for everything that outlives a request. */
export interface Store {
  /**
   * Reads a secret of this installation, making it first if it is not there. All replicas get the
   * same one.
   */
  getSecret(name: string, fresh: string): Promise<string>;

  insertClient(client: ClientRow): Promise<void>;
  /** A client that has not expired. */
  findClient(id: string, now: number): Promise<ClientRow | undefined>;

  /**
   * Opens a sign-in, or finds it open already.
   *
   * @returns false when it was taken or closed before.
   */
  openSignIn(signIn: SignInRow): Promise<boolean>;
  /** Marks a sign-in as over, whether it was open or not. */
  closeSignIn(id: string, expiresAt: number): Promise<void>;
  /** An open sign-in. */
  findSignIn(id: string, now: number): Promise<SignInRow | undefined>;
  /** Consumes an open sign-in. Of many callers, one gets it. */
  takeSignIn(id: string, now: number): Promise<SignInRow | undefined>;

  /**
   * Marks an id as used, until `expiresAt` at least. Of many callers with the same id, one is told
   * true.
   */
  useOnce(id: string, expiresAt: number): Promise<boolean>;

  insertGrant(grant: GrantRow, code: Omit<CodeRow, "redeemedFor">): Promise<void>;
  /** Deletes a grant and all its tokens; false if it was gone. */
  deleteGrant(id: string): Promise<boolean>;

  /** A code, used or not. */
  findCode(hash: string): Promise<WithGrant<CodeRow> | undefined>;
  /**
   * Exchanges a code for tokens. Of many callers, one succeeds; the code is then remembered until
   * `rememberUntil`.
   */
  redeemCode(
    redemption: TokenIssue & { codeHash: string; now: number; rememberUntil: number },
  ): Promise<boolean>;

  findAccessToken(hash: string): Promise<AccessTokenLookup | undefined>;
  findRefreshToken(hash: string): Promise<WithGrant<RefreshTokenRow> | undefined>;
  /**
   * Exchanges a refresh token. Of many callers, one rotates, and finds its own salt in the answer;
   * all get the salt and time that the one has stored. Undefined when the token is gone.
   */
  rotateRefreshToken(
    rotation: Rotation,
  ): Promise<Pick<RefreshTokenRow, "rotatedAt" | "rotationSalt"> | undefined>;
  /**
   * Stores an access token unless it is there already or was there and has been revoked; false when
   * the grant is gone.
   */
  insertAccessToken(grantId: string, accessToken: AccessTokenRow): Promise<boolean>;
  /** Revokes an access token for good if it is one of this client's. */
  revokeAccessToken(hash: string, clientId: string): Promise<void>;

  findGrant(id: string): Promise<GrantRow | undefined>;
  /**
   * Reserves the renewal of a grant's WorkOS session. One holder at a time, across replicas; a
   * holder that died loses it at `until`.
   *
   * @param version the session version that is to be renewed; a newer one needs no renewal.
   */
  acquireRenewal(
    request: { grantId: string; version: number; owner: string; now: number; until: number },
  ): Promise<boolean>;
  /** Gives the reservation back. */
  releaseRenewal(grantId: string, owner: string): Promise<void>;
  /**
   * Stores a renewed session and gives the reservation back; false when the grant is gone. A grant
   * that was marked stale during the renewal stays so.
   */
  saveSession(
    session:
      & Pick<
        GrantRow,
        "organizationId" | "scope" | "permissions" | "sealedSession" | "sessionExpiresAt"
      >
      & { grantId: string; version: number },
  ): Promise<boolean>;

  /**
   * Ends all grants of a selection.
   *
   * @param createdBefore those made later stay.
   * @returns those that were ended.
   */
  deleteGrants(
    selection: GrantSelection & { createdBefore: number },
  ): Promise<EndedGrant[]>;
  /** Has WorkOS asked again before the next request of each grant of a selection, or of every one. */
  markStale(selection: GrantSelection | "everybody"): Promise<void>;

  /** Notes that grants are about to end, or to become stale, for {@link countAccessChanges}. */
  noteAccessChange(): Promise<void>;
  /** How often that was noted. Whoever finds it the same before and after has missed none. */
  countAccessChanges(): Promise<number>;

  /**
   * Keeps a change to be handled, at least until `expiresAt`, also when it has been handled.
   *
   * @returns false when a change with this id is kept already.
   */
  insertChange(change: ChangeRow & { expiresAt: number }): Promise<boolean>;
  /**
   * Takes changes that are not handled yet. Nobody else gets them until `until`.
   *
   * @param limit how many at most.
   */
  takeChanges(request: { now: number; until: number; limit: number }): Promise<ChangeRow[]>;
  /** Marks a change as handled and forgets what it was about. */
  finishChange(id: string): Promise<void>;

  /**
   * Takes a lease, or prolongs the owner's own. One holder at a time, across replicas; a holder that
   * died loses it at `until`.
   *
   * @returns what the last holder left there, or undefined when somebody else holds it.
   */
  acquireLease(
    lease: { name: string; owner: string; now: number; until: number },
  ): Promise<{ value: string | null } | undefined>;
  /** Leaves a value at a lease and prolongs it; false when somebody else holds it. */
  saveLeaseValue(
    lease: { name: string; owner: string; value: string; until: number },
  ): Promise<boolean>;

  /** How many grants have not expired. */
  countGrants(now: number): Promise<number>;

  /** Deletes up to `limit` expired rows of each kind, and says how many. */
  sweep(now: number, limit: number): Promise<number>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
