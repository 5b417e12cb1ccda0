/** Sessions of signed-in people, and the refresh tokens that renew them. */

import type { AuthenticationMethod } from "@workos-inc/node";
import type { NewSession, Session } from "./entities.ts";
import { oauthRefusal } from "./errors.ts";
import type { EventLog } from "./event_log.ts";
import { ExpiringMap } from "./expiring_map.ts";
import { equalSecrets } from "./secrets.ts";

/** A session and the one refresh token that renews it now. */
export interface RenewableSession {
  session: Session;
  refreshToken: string;
}

/** The maximum session length, in milliseconds: 30 days, however often it is refreshed. */
const LIFETIME = 30 * 24 * 60 * 60 * 1000;

/** All sessions. They are dropped when they expire, ended or not. */
export class Sessions {
  readonly #records: ExpiringMap<RenewableSession>;

  /**
   * @param events where beginnings and ends are noted.
   * @param now clock, in milliseconds.
   * @param newId makes the random part of ids and tokens, without a dot in it.
   */
  constructor(
    private readonly events: EventLog,
    private readonly now: () => number,
    private readonly newId: () => string,
  ) {
    this.#records = new ExpiringMap(LIFETIME, now);
  }

  /** Starts a session. */
  create(start: NewSession): RenewableSession {
    const session: Session = {
      object: "session",
      id: `session_${this.newId()}`,
      user_id: start.userId,
      ...start.organizationId !== undefined && { organization_id: start.organizationId },
      ...start.impersonator !== undefined && { impersonator: start.impersonator },
      ip_address: start.ipAddress ?? null,
      user_agent: start.userAgent ?? null,
      auth_method: toSessionMethod(start.authenticationMethod),
      status: "active",
      expires_at: new Date(this.now() + LIFETIME).toISOString(),
      ended_at: null,
      created_at: this.#timestamp(),
      updated_at: this.#timestamp(),
    };
    const record = { session, refreshToken: this.#newRefreshToken(session.id) };
    this.#records.add(session.id, record);
    this.events.append("session.created", session);
    return record;
  }

  /**
   * The live session a refresh token renews. The token stays good until {@link rotate}.
   *
   * A token names its session, so one that was replaced is told from one that never existed, and
   * only the current one needs keeping.
   *
   * @throws {RefusalError} `invalid_grant`.
   */
  findByRefreshToken(refreshToken: string): RenewableSession {
    const record = this.#records.get(refreshToken.split(".")[0] ?? "");
    if (record === undefined) throw oauthRefusal("invalid_grant", "Invalid refresh token.");
    if (record.session.status !== "active") {
      throw oauthRefusal("invalid_grant", "Session has already ended.");
    }
    if (!equalSecrets(refreshToken, record.refreshToken)) {
      throw oauthRefusal("invalid_grant", "Refresh token already exchanged.");
    }
    return record;
  }

  /**
   * Replaces the refresh token and selects an organization.
   *
   * @param record from {@link findByRefreshToken}.
   * @param organizationId the organization from now on; undefined for none.
   */
  rotate(record: RenewableSession, organizationId: string | undefined): void {
    record.refreshToken = this.#newRefreshToken(record.session.id);
    record.session.updated_at = this.#timestamp();
    if (organizationId !== undefined) record.session.organization_id = organizationId;
  }

  /** A session that has not expired. */
  get(id: string): Session | undefined {
    return this.#records.get(id)?.session;
  }

  /** The sessions of a person, the oldest first. */
  listByUser(userId: string): Session[] {
    return this.#records.values()
      .map(({ session }) => session)
      .filter((session) => session.user_id === userId);
  }

  /** Ends a session; one that has ended stays as it is. */
  revoke(session: Session): void {
    if (session.status !== "active") return;
    session.status = "revoked";
    session.ended_at = session.updated_at = this.#timestamp();
    this.events.append("session.revoked", session);
  }

  #newRefreshToken(sessionId: string): string {
    return `${sessionId}.${this.newId()}`;
  }

  #timestamp(): string {
    return new Date(this.now()).toISOString();
  }
}

/** WorkOS names the same thing differently in the answer to a sign-in and in a session. */
function toSessionMethod(method: AuthenticationMethod): Session["auth_method"] {
  if (method === "SSO") return "sso";
  if (method === "Password") return "password";
  if (method === "Impersonation") return "impersonation";
  return "oauth";
}
