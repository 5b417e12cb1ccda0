/** What a client is told whose session at WorkOS has ended. */

import { OAuthError, type OAuthErrorCode, SessionEndedError } from "../errors.ts";

/**
 * Does what needs a session. One that WorkOS has ended means that what the client holds is not valid
 * any more.
 *
 * @param code what to tell the client then.
 * @throws {OAuthError} with that code.
 */
export async function refuseEnded<T>(code: OAuthErrorCode, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SessionEndedError)) throw error;
    const status = code === "invalid_token" ? 401 : 400;
    throw new OAuthError(code, "The session at WorkOS has ended. Sign in again.", status);
  }
}
