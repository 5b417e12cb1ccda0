/** `fetch` that signs in, stays signed in, and asks for more scopes when the server wants them. */

import {
  computeScopeUnion,
  extractWWWAuthenticateParams,
  type FetchLike,
  isStrictScopeSuperset,
  type OAuthDiscoveryState,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import { createCheckedFetch } from "./checked_fetch.ts";
import type { ClientContext } from "./context.ts";
import { discover } from "./discovery.ts";
import { waitForOthers } from "./exclusive.ts";
import { toCommandError } from "./failure.ts";
import { createLimitedSignIn } from "./limited_sign_in.ts";
import { refreshTokens } from "./refresh.ts";
import { sanitizeLine } from "./sanitize.ts";
import { currentTokens, grantedScope, type TokenSet } from "./server_record.ts";

/** Rounds of authorization one request may cost: a server that is never content must not loop. */
const MAX_ROUNDS = 2;

/** A token this close to its end is renewed before it is used, in seconds. */
const EXPIRY_MARGIN = 30;

/** How long a request waits for that, in milliseconds: the old token is still good. */
const EARLY_PATIENCE = 3_000;

/** What a round of authorization did. */
type Outcome = "token_changed" | "refreshed" | "signed_in";

/** A refusal that authorization may cure. */
interface Challenge {
  kind: "unauthorized" | "insufficient_scope";
  scope: string | undefined;
  resourceMetadataUrl: string | undefined;
}

/** A challenge, and what was so when it came. */
interface Refusal extends Challenge {
  usedToken: string | undefined;
  /** The last sign-in that had been declined. */
  declinedBefore: string | undefined;
}

/** A `fetch` that may be in the middle of an authorization. */
export interface AuthorizedFetch extends FetchLike {
  /** Waits until no authorization is under way: what it writes must not be cut off. */
  settled(): Promise<void>;
}

/**
 * Makes the `fetch` for one MCP server. It attaches the token, and of many requests that meet a
 * refusal at once one renews it for all, across programs: a refresh token works once. It is used in
 * place of the SDK's `authProvider`, which refreshes once per request and opens a browser when that
 * fails.
 *
 * Bodies are sent again after a refusal, so they have to be strings, as the SDK's are.
 *
 * @param context see {@link ClientContext}.
 * @returns a `fetch` that throws a {@link CommandError} when authorization fails.
 */
export function createAuthorizedFetch(context: ClientContext): AuthorizedFetch {
  const { cache, serverUrl, settings, log, now, onStep, setDeadline, signal } = context;
  const checkedFetch = createCheckedFetch(context);
  const triedScopes = new Set<string>();
  const limitedSignIn = createLimitedSignIn(context);
  let flight: Promise<Outcome> | undefined;
  let isScopeMissing = settings.requireScope === true && settings.scope !== undefined;
  let endOfSignIn: string | undefined;
  let notRenewedEarly: string | undefined;

  const readRecord = () => cache.read(serverUrl.href);

  /** Runs one authorization at a time; whoever comes while one runs shares its outcome. */
  function share(authorize: () => Promise<Outcome>): Promise<Outcome> {
    flight ??= authorize().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  /** Does so while no other program does the same (opencode#34074, mcp-remote#306). */
  async function authorize(
    work: (declinedBefore: string | undefined) => Promise<Outcome>,
  ): Promise<Outcome> {
    const declinedBefore = (await readRecord())?.declined?.id;
    const wait = waitForOthers(context, serverUrl);
    return await share(() => cache.exclusive(serverUrl.href, () => work(declinedBefore), wait));
  }

  async function signInOnce(
    discovery: OAuthDiscoveryState,
    scope: string | undefined,
    declinedBefore: string | undefined,
  ): Promise<Outcome> {
    await limitedSignIn.run(discovery, scope, declinedBefore);
    return "signed_in";
  }

  function expiresSoon({ tokens, expires_at }: TokenSet): boolean {
    // A tenth of the lifetime, so that short-lived tokens are used at all.
    const margin = Math.min(EXPIRY_MARGIN, (tokens.expires_in ?? 0) / 10);
    return expires_at !== undefined && expires_at - margin <= now() / 1000;
  }

  async function refresh(discovery: OAuthDiscoveryState): Promise<boolean> {
    const { isRenewed, reason } = await refreshTokens(context, discovery);
    if (isRenewed || reason !== undefined) endOfSignIn = reason;
    return isRenewed;
  }

  async function refreshIfDue(): Promise<Outcome> {
    const record = await readRecord();
    const tokens = currentTokens(record);
    if (!record?.discovery || !tokens || !expiresSoon(tokens)) return "token_changed";
    return await refresh(record.discovery) ? "refreshed" : "token_changed";
  }

  /**
   * Renews a token before it ends. If that fails the old one is used: the server decides. It does not
   * wait for other programs: a sign-in under way must not hold up who can do without
   * (python-sdk#3243).
   */
  async function refreshEarly(): Promise<Outcome> {
    try {
      return await cache.exclusive(serverUrl.href, refreshIfDue, { patience: 0, signal });
    } catch (error) {
      log.warning("early_refresh_failed", { reason: toCommandError(error).message });
      return "token_changed";
    }
  }

  async function usableToken(): Promise<string | undefined> {
    const tokens = currentTokens(await readRecord());
    const token = tokens?.tokens.access_token;
    if (!tokens?.tokens.refresh_token || !expiresSoon(tokens) || token === notRenewedEarly) {
      return token;
    }
    using patience = setDeadline(EARLY_PATIENCE);
    const timeIsUp = new Promise((resolve) => patience.signal.addEventListener("abort", resolve));
    // It goes on without those who waited: a refresh that is cut off may have spent its token.
    await Promise.race([share(refreshEarly), timeIsUp]);
    const latest = currentTokens(await readRecord())?.tokens.access_token;
    // Once is enough: each request would wait anew for what can wait until the server says 401.
    if (latest === token) notRenewedEarly = token;
    return latest;
  }

  /**
   * Answers a 401. Discovery is made anew, from what this challenge says and nothing older, so that
   * an authorization server that moved is found.
   */
  async function renew(refusal: Refusal, tried: ReadonlySet<Outcome>): Promise<Outcome> {
    const { usedToken, declinedBefore } = refusal;
    const record = await readRecord();
    if (currentTokens(record)?.tokens.access_token !== usedToken) return "token_changed";
    if (usedToken === undefined && limitedSignIn.hasSucceeded) {
      throw new CommandError(
        "signed_out",
        `The sign-in to ${serverUrl.href} was deleted by another program. Run this again to sign in.`,
        ExitCode.notAuthorized,
      );
    }
    if (tried.has("signed_in")) {
      throw new CommandError(
        "token_refused",
        `${serverUrl.href} refuses the token it was just given. Tell whoever runs it.`,
        ExitCode.notAuthorized,
      );
    }
    const discovery = await discover(context, refusal.resourceMetadataUrl);
    if (!tried.has("refreshed") && await refresh(discovery)) return "refreshed";
    const latest = currentTokens(await readRecord())?.tokens.access_token;
    // Another process was faster: ours was refused because its refresh token had been used.
    if (latest !== undefined && latest !== usedToken) return "token_changed";
    onStep({
      name: "sign_in_needed",
      text: endOfSignIn === undefined
        ? `${serverUrl.href} asks for a sign-in.`
        : `The earlier sign-in to ${serverUrl.href} has ended: ${endOfSignIn}.`,
    });
    return await signInOnce(discovery, settings.scope ?? refusal.scope, declinedBefore);
  }

  /** The server takes the tokens there are: only the user says that they are not enough. */
  async function signInForScope(declinedBefore: string | undefined): Promise<Outcome> {
    const record = await readRecord();
    const tokens = currentTokens(record);
    if (!tokens || !isStrictScopeSuperset(settings.scope, grantedScope(tokens))) {
      return "token_changed";
    }
    const discovery = await discover(context, record?.discovery?.resourceMetadataUrl);
    return await signInOnce(discovery, settings.scope, declinedBefore);
  }

  /** Answers a 403 that names scopes, by asking once for them and those there are (CL-32, CL-33). */
  async function widen(refusal: Refusal): Promise<Outcome> {
    const { scope, usedToken, declinedBefore } = refusal;
    const record = await readRecord();
    const tokens = currentTokens(record);
    if (!tokens || tokens.tokens.access_token !== usedToken) return "token_changed";
    const granted = grantedScope(tokens);
    const wanted = computeScopeUnion(tokens.requested_scope, granted, scope);
    if (
      wanted === undefined || triedScopes.has(wanted) ||
      !isStrictScopeSuperset(scope, granted)
    ) {
      throw new CommandError(
        "insufficient_scope",
        `You are signed in, but not allowed to do this${
          scope ? `: it needs ${sanitizeLine(scope)}` : ""
        }. Ask whoever administers the server.`,
        ExitCode.notAuthorized,
      );
    }
    triedScopes.add(wanted);
    const discovery = await discover(
      context,
      refusal.resourceMetadataUrl ?? record?.discovery?.resourceMetadataUrl,
    );
    onStep({
      name: "sign_in_needed",
      text: `${serverUrl.href} wants more for this: ${sanitizeLine(scope ?? "")}.`,
    });
    return await signInOnce(discovery, wanted, declinedBefore);
  }

  const authorizedFetch: FetchLike = async (input, init) => {
    const tried = new Set<Outcome>();
    if (isScopeMissing) {
      isScopeMissing = false;
      tried.add(await authorize(signInForScope));
    }
    for (let round = 0;; round++) {
      const token = await usableToken();
      const headers = new Headers(init?.headers);
      // The SDK follows redirects within an origin only; the token never leaves it (CL-10, CL-11).
      if (token !== undefined && new URL(input).origin === serverUrl.origin) {
        headers.set("authorization", `Bearer ${token}`);
      }
      const response = await checkedFetch(input, { ...init, headers });
      const challenge = readChallenge(response);
      if (!challenge) return response;
      await response.body?.cancel();
      if (round === MAX_ROUNDS) {
        throw new CommandError(
          challenge.kind,
          `${serverUrl.href} keeps asking for another authorization. Tell whoever runs it.`,
          ExitCode.notAuthorized,
        );
      }
      log.debug("challenged", { kind: challenge.kind, scope: challenge.scope });
      tried.add(
        await authorize((declinedBefore) => {
          const refusal = { ...challenge, usedToken: token, declinedBefore };
          return challenge.kind === "unauthorized" ? renew(refusal, tried) : widen(refusal);
        }),
      );
    }
  };
  return Object.assign(authorizedFetch, {
    settled: async () => void await Promise.allSettled([flight]),
  });
}

function readChallenge(response: Response): Challenge | undefined {
  const { error, scope, resourceMetadataUrl } = extractWWWAuthenticateParams(response);
  const details = { scope, resourceMetadataUrl: resourceMetadataUrl?.href };
  if (response.status === 401) return { kind: "unauthorized", ...details };
  if (response.status === 403 && error === "insufficient_scope") {
    return { kind: "insufficient_scope", ...details };
  }
  return undefined;
}
