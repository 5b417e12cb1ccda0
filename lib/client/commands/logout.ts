/** `logout`: the end of a sign-in, on both sides. */

import { CommandError } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import { waitForOthers } from "../exclusive.ts";
import { toCommandError } from "../failure.ts";
import type { Output } from "../output.ts";
import { revokeTokens } from "../revocation.ts";
import { sanitizeLine } from "../sanitize.ts";
import { parseServerUrl } from "../server_url.ts";

/** What became of a sign-in at one authorization server. */
interface Revocation {
  issuer: string;
  outcome: "revoked" | "unsupported" | "failed";
  /** Why it failed. */
  reason?: string;
}

/**
 * Revokes the sign-in at each authorization server it has tokens of, then forgets all there is of
 * the server: tokens, registration, discovery (inspector#857). The second happens whatever becomes
 * of the first, which is then the error.
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
  const revocations: Revocation[] = [];
  let failure: CommandError | undefined;
  output.status(`Signing out of ${serverUrl.href} …`);
  const forgotten = await cache.exclusive(serverUrl.href, async () => {
    const record = await cache.read(serverUrl.href);
    for (const [issuer, { tokens }] of Object.entries(record?.issuers ?? {})) {
      if (!record || !tokens) continue;
      try {
        const revoked = await revokeTokens({ ...options, serverUrl }, record, issuer, tokens);
        revocations.push({ issuer, outcome: revoked ? "revoked" : "unsupported" });
      } catch (error) {
        // After Ctrl-C nothing is deleted: running it again can still revoke.
        signal.throwIfAborted();
        failure = toCommandError(error);
        revocations.push({ issuer, outcome: "failed", reason: failure.message });
      }
    }
    return await cache.remove(serverUrl.href);
  }, waitForOthers(options, serverUrl));
  const result = { server_url: serverUrl.href, revocations, forgotten };
  output.result(result, () => render(serverUrl.href, revocations, forgotten));
  if (failure) {
    throw new CommandError(
      failure.code,
      `${failure.message} What was kept here is deleted all the same; the sign-in may go on working there until it ends by itself.`,
      failure.exitCode,
      { cause: failure },
    );
  }
}

function render(url: string, revocations: Revocation[], forgotten: boolean): string {
  if (!forgotten) return `You were not signed in to ${url}.`;
  const sides = revocations.map(({ issuer, outcome }) => {
    const name = sanitizeLine(issuer);
    switch (outcome) {
      case "revoked":
        return `  there  the sign-in is revoked at ${name}`;
      case "unsupported":
        return `  there  ${name} offers no revocation: the sign-in ends by itself`;
      case "failed":
        return `  there  not revoked at ${name}`;
    }
  });
  return [`Signed out of ${url}`, ...sides, "  here   everything kept of it is deleted"].join("\n");
}
