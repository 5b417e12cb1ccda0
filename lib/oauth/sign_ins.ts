/** Sign-ins that wait for the person: kept in the store, readable with their browser's cookie only. */

import type { Config } from "../config.ts";
import { PageError } from "../errors.ts";
import type { SignInRow, Store } from "../store/store.ts";
import type { OrganizationChoice } from "../workos/upstream.ts";
import type { AuthorizationRequest } from "./authorize.ts";
import { SIGN_IN_LIFETIME } from "./lifetimes.ts";
import type { Random } from "./random.ts";
import { seal, unseal } from "./sealing.ts";
import type { SignIn } from "./sign_in.ts";

/** What goes on with a sign-in when the person comes back. */
export interface PendingSignIn extends AuthorizationRequest {
  /** Whether WorkOS has led it another way already, which happens once. */
  rerouted?: boolean;
  /** What WorkOS waits for, while the person chooses an organization. */
  selection?: { pendingToken: string; organizations: readonly OrganizationChoice[] };
}

/** What {@link createSignIns} needs. */
export interface SignInsOptions {
  config: Pick<Config, "resource">;
  store: Pick<Store, "openSignIn" | "findSignIn" | "takeSignIn">;
  now: () => number;
  random: Random;
}

/** Keeps sign-ins for ten minutes. */
export interface SignIns {
  /**
   * Keeps one, unless it is kept already.
   *
   * @throws {PageError} `already_answered` when it is over.
   */
  keep(signIn: SignIn, pending: PendingSignIn): Promise<void>;
  /**
   * Reads one.
   *
   * @throws {PageError} `already_answered` when it is over, `other_browser` when it is another
   *   server's in the same store.
   */
  find(signIn: SignIn): Promise<PendingSignIn>;
  /** As {@link find}, and ends it. Of many callers, one gets it. */
  take(signIn: SignIn): Promise<PendingSignIn>;
}

/** Makes the keeper of sign-ins. */
export function createSignIns({ config, store, now, random }: SignInsOptions): SignIns {
  const open = (signIn: SignIn, row: SignInRow | undefined): PendingSignIn => {
    const text = row && unseal(signIn.key, row.sealed, row.id);
    if (text === undefined) throw new PageError("already_answered", 400);
    const pending: PendingSignIn = JSON.parse(text);
    if (pending.resource !== config.resource) throw new PageError("other_browser", 403);
    return pending;
  };

  return {
    async keep(signIn, pending) {
      const isOpen = await store.openSignIn({
        id: signIn.id,
        sealed: seal(signIn.key, JSON.stringify(pending), signIn.id, random),
        expiresAt: now() + SIGN_IN_LIFETIME,
      });
      if (!isOpen) throw new PageError("already_answered", 409);
    },
    find: async (signIn) => open(signIn, await store.findSignIn(signIn.id, now())),
    take: async (signIn) => open(signIn, await store.takeSignIn(signIn.id, now())),
  };
}
