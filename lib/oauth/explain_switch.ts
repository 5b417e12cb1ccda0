/** What people are told when WorkOS or the settings refuse them another organization. */

import { SignInRefusedError } from "../errors.ts";

/**
 * Tells what a refused switch leaves, and how the person gets there after all.
 *
 * @param wanted `org_…` that was asked for.
 * @param current `org_…` of the grant, null for none.
 */
export function explainSwitch(
  refusal: SignInRefusedError,
  wanted: string,
  current: string | null,
): SignInRefusedError {
  // A way on is for a browser, so it takes a new sign-in.
  const advice = refusal.route ? ` To act for ${wanted}, sign in again and choose it.` : "";
  // WorkOS may have moved its session before the refusal, and "none" cannot be asked for.
  const rest = current === null
    ? " You still act for no organization; if the next request is refused, sign in again."
    : ` Nothing has changed: you still act for ${current}.`;
  return new SignInRefusedError(refusal.code, refusal.message + advice + rest, { cause: refusal });
}
