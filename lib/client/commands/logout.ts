/** `logout`: the end of a sign-in, on both sides. */

import { CommandError, ExitCode } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import { waitForOthers } from "../exclusive.ts";
import { toCommandError } from "../failure.ts";
import type { Output } from "../output.ts";
import { revokeTokens } from "../revocation.ts";
import { sanitizeLine } from "../sanitize.ts";
import { withoutIssuer } from "../server_record.ts";
import { parseServerUrl } from "../server_url.ts";

/** What became of a sign-in at one authorization server. */
interface Revocation {
  issuer: string;
  /** `refused` is for good, `unavailable` may be tried again. */
  outcome: "revoked" | "unsupported" | "refused" | "unavailable";
  /** Why it is not revoked. */
  reason?: string;
}

/**
 * Revokes the sign-in at each authorization server it has tokens of, and forgets it: tokens,
 * registration, discovery (inspector#857). What one of them cannot be told now is kept, so that the
 * next logout can still revoke it; what one refuses is forgotten, since it would refuse again.
 *
 * @param args the command line.
 * @param options see {@link ConnectOptions}.
 * @param output receives what happened on both sides.
 * @throws {CommandError} after the result: an authorization server could not be told, or refused.
 */
export async function runLogout(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
): Promise<void> {
  const { cache, signal } = options;
  const serverUrl = parseServerUrl(args.url);
  const { href } = serverUrl;
  const revocations: Revocation[] = [];
  let failure: CommandError | undefined;
  output.status(`Signing out of ${href} …`);
  const forgotten = await cache.exclusive(href, async () => {
    const record = await cache.read(href);
    let rest = record;
    for (const [issuer, { tokens }] of Object.entries(record?.issuers ?? {})) {
      if (!record || !rest) continue;
      try {
        if (tokens) {
          const revoked = await revokeTokens({ ...options, serverUrl }, record, issuer, tokens);
          revocations.push({ issuer, outcome: revoked ? "revoked" : "unsupported" });
        }
      } catch (error) {
        // After Ctrl-C nothing is deleted: running it again can still revoke.
        signal.throwIfAborted();
        const { exitCode, message: reason } = failure = toCommandError(error);
        const outcome = exitCode === ExitCode.unreachable ? "unavailable" : "refused";
        revocations.push({ issuer, outcome, reason });
        if (outcome === "unavailable") continue;
      }
      rest = withoutIssuer(rest, issuer);
    }
    if (!rest || Object.keys(rest.issuers).length === 0) return await cache.remove(href);
    await cache.write(href, rest);
    return false;
  }, waitForOthers(options, serverUrl));
  const kept = revocations.some(({ outcome }) => outcome === "unavailable");
  const result = { server_url: href, revocations, forgotten };
  output.result(result, () => render(href, revocations, { forgotten, kept }));
  if (!failure) return;
  const next = kept
    ? `The sign-in is kept here, so that it can be revoked later: run this again, or forget it with "deno task client cache clear ${href}".`
    : "It may go on working there until it ends by itself.";
  throw new CommandError(failure.code, `${failure.message} ${next}`, failure.exitCode, {
    cause: failure,
  });
}

function render(
  url: string,
  revocations: Revocation[],
  { forgotten, kept }: { forgotten: boolean; kept: boolean },
): string {
  if (!forgotten && !kept) return `You were not signed in to ${url}.`;
  const sides = revocations.map(({ issuer, outcome }) => {
    const name = sanitizeLine(issuer);
    switch (outcome) {
      case "revoked":
        return `  there  the sign-in is revoked at ${name}`;
      case "unsupported":
        return `  there  ${name} offers no revocation: the sign-in ends by itself`;
      case "refused":
        return `  there  ${name} refuses to revoke the sign-in`;
      case "unavailable":
        return `  there  not revoked at ${name}`;
    }
  });
  return [
    kept ? `Not fully signed out of ${url}` : `Signed out of ${url}`,
    ...sides,
    kept ? "  here   kept what is not revoked" : "  here   everything kept of it is deleted",
  ].join("\n");
}
