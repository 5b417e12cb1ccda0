/** Whoever got past the gate of `/mcp`: what tools are told about them, and may do for them. */

import type { Identity } from "./workos/upstream.ts";

/** Whoever holds a valid access token. */
export interface Caller {
  /** Names what the person allowed the client, in logs and limits. */
  grantId: string;
  clientId: string;
  /** `user_…` */
  userId: string;
  /** `org_…` the person acts for; absent for a person without a selected organization. */
  organizationId?: string;
  /** Permission slugs in that organization, as WorkOS said at the last renewal. */
  permissions: readonly string[];
  scopes: readonly string[];
  /** When the access token runs out, in epoch milliseconds. */
  expiresAt: number;
  /**
   * Reads who the person is. Looks it up and decrypts it, so it is left to those who need it.
   *
   * @throws {SessionEndedError} when the grant has ended meanwhile.
   */
  readIdentity(): Promise<Identity>;
  /**
   * Makes the person act for another organization of theirs, from the next request on.
   *
   * @param organizationId `org_…`
   * @returns who they are there.
   * @throws {SignInRefusedError} when WorkOS or the settings do not allow it, with the way forward;
   *   nothing has changed then.
   * @throws {UnavailableError} when WorkOS does not answer.
   */
  switchOrganization(organizationId: string): Promise<Identity>;
}
