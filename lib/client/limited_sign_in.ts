/** How often one connection may ask a person to sign in. */

import type { OAuthDiscoveryState } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { issuerOf } from "./discovery.ts";
import { toCommandError } from "./failure.ts";
import { signIn } from "./sign_in.ts";

/** Sign-ins a connection may ask for at most, step-ups among them. */
const MAX_SIGN_INS = 5;

/** Sign-ins of one connection, as many as a person can be asked for. */
export interface LimitedSignIn {
  /**
   * Signs in, if a person may still be asked for that.
   *
   * @param discovery the authorization server.
   * @param scope scopes to ask for.
   * @param declinedBefore the last sign-in that had been declined when this one became necessary.
   * @throws {CommandError} `sign_in_repeated`, or why the sign-in did not succeed.
   */
  run(
    discovery: OAuthDiscoveryState,
    scope: string | undefined,
    declinedBefore: string | undefined,
  ): Promise<void>;
  /** Whether a sign-in has succeeded, and none failed. */
  readonly hasSucceeded: boolean;
}

/**
 * The rule: a person is asked for a first sign-in, and after that only for scopes that nobody has
 * asked for yet. A sign-in that fails or is declined, here or in a program that was waited for, is
 * the last one: one unwanted browser tab is enough (plane#8926, mcp-server-neon#186).
 *
 * @param context see {@link ClientContext}.
 */
export function createLimitedSignIn(context: ClientContext): LimitedSignIn {
  const { cache, serverUrl, onStep } = context;
  /** Scopes asked for, by authorization server: one that moved is another one. */
  const askedFor = new Map<string, Set<string>>();
  let count = 0;
  let failure: CommandError | undefined;

  return {
    get hasSucceeded() {
      return count > 0 && failure === undefined;
    },
    async run(discovery, scope, declinedBefore) {
      if (failure) throw failure;
      const issuer = issuerOf(discovery);
      const declined = (await cache.read(serverUrl.href))?.declined;
      if (
        declined && declined.id !== declinedBefore &&
        declined.issuer === issuer && declined.scope === scope
      ) {
        throw failure = new CommandError(
          "access_denied",
          declined.message,
          ExitCode.notAuthorized,
        );
      }
      const asked = askedFor.get(issuer);
      const wanted = new Set(scope?.split(" "));
      if (count === MAX_SIGN_INS || (asked && wanted.isSubsetOf(asked))) {
        throw new CommandError(
          "sign_in_repeated",
          `${serverUrl.href} asks for a sign-in again, so soon after the last one. Run this again; if it goes on, tell whoever runs the server.`,
          ExitCode.notAuthorized,
        );
      }
      count++;
      askedFor.set(issuer, wanted.union(asked ?? new Set()));
      onStep({ name: "discovered", text: `Its authorization server is ${issuer}.` });
      try {
        await signIn(context, discovery, scope, asked !== undefined);
      } catch (error) {
        throw failure = toCommandError(error);
      }
    },
  };
}
