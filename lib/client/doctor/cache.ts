/** What is kept on this machine: the directory, its files, and the sign-in at this server. */

import { CommandError } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { sanitizeLine } from "../sanitize.ts";
import { currentTokens, type ServerRecord } from "../server_record.ts";
import type { CacheState } from "./cache_directory.ts";
import { type Finding, ok, problemOf, type Trouble, warning } from "./finding.ts";
import type { Host } from "./network.ts";

/** The sign-in that is kept, and what it says. */
export interface KeptSignInCheck {
  finding: Finding;
  record?: ServerRecord | undefined;
}

/**
 * Judges the directory as it is.
 *
 * @param host looks at it.
 */
export async function checkCache(host: Host): Promise<Finding> {
  const fault = "you";
  const elsewhere = "or name another directory in MCP_CLIENT_CACHE_DIR.";
  try {
    const { directory, state } = await host.inspectCache();
    if (!state) return ok("cache", directory, `${directory} is made at the first sign-in`);
    const seen = `${directory}, ${state.servers} ${state.servers === 1 ? "server" : "servers"}`;
    const trouble = findTrouble(state, elsewhere);
    return trouble
      ? warning("cache", directory, seen, trouble)
      : ok("cache", directory, `${seen}, readable by you only`);
  } catch (error) {
    if (error instanceof CommandError) return problemOf("cache", "the environment", error, fault);
    if (!(error instanceof Error)) throw error;
    return warning("cache", "the directory of sign-ins", "not readable", {
      code: "cache_unreadable",
      message: `The directory of sign-ins cannot be read: ${sanitizeLine(error.message)}.`,
      fault,
      advice: `Correct its permissions, ${elsewhere}`,
    });
  }
}

function findTrouble(state: CacheState, elsewhere: string): Trouble | undefined {
  const fault = "you";
  const { open, damaged, setAside } = state;
  if (state.isShared) {
    return {
      code: "cache_shared",
      message: "The directory is shared with other users.",
      fault,
      advice: "Name a directory inside it in MCP_CLIENT_CACHE_DIR.",
    };
  }
  if (state.isOpen && state.isMixed) {
    return {
      code: "cache_mixed",
      message:
        "Other users of this machine can look into the directory, which holds other files too.",
      fault,
      advice: "Name a directory inside it in MCP_CLIENT_CACHE_DIR; only such a one is closed.",
    };
  }
  if (state.isOpen || open.length > 0) {
    return {
      code: "cache_open",
      message: `Other users of this machine could read ${open.join(", ") || "the directory"}.`,
      fault,
      advice: "The next command takes that back. If it worries you, log out and sign in again.",
    };
  }
  if (damaged.length > 0) {
    return {
      code: "cache_damaged",
      message: `Not readable as what it was: ${damaged.join(", ")}.`,
      fault,
      advice: "A new sign-in sets it aside and replaces it.",
    };
  }
  if (!state.isWritable) {
    return {
      code: "cache_read_only",
      message: "The directory cannot be written to: a sign-in lasts as long as one command.",
      fault,
      advice: `Correct its permissions, ${elsewhere}`,
    };
  }
  return setAside === 0 ? undefined : {
    code: "cache_leftovers",
    message: `${setAside} damaged ${setAside === 1 ? "file was" : "files were"} set aside there.`,
    fault,
    advice: "What ends in .corrupt can be deleted.",
  };
}

/** Says who one is signed in as at the server, and whether that still counts. */
export async function checkKeptSignIn(
  { cache, serverUrl, now }: ClientContext,
): Promise<KeptSignInCheck> {
  const step = "kept_sign_in";
  try {
    const record = await cache.read(serverUrl.href);
    const tokens = currentTokens(record);
    if (!tokens) return { finding: ok(step, serverUrl.href, "none yet"), record };
    const renewal = tokens.tokens.refresh_token === undefined
      ? "a sign-in follows"
      : "it is renewed without a sign-in";
    const left = tokens.expires_at === undefined ? undefined : tokens.expires_at - now() / 1000;
    const ends = left === undefined
      ? "its token does not say when it ends"
      : left > 0
      ? `its token ends in ${describeDuration(left)}; then ${renewal}`
      : `its token ended ${describeDuration(-left)} ago; ${renewal}`;
    const issuer = sanitizeLine(record?.issuer ?? "");
    return { finding: ok(step, serverUrl.href, `at ${issuer}; ${ends}`), record };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { finding: problemOf(step, serverUrl.href, error, "you") };
  }
}

/** @param seconds any length of time. */
function describeDuration(seconds: number): string {
  const units = [[86_400, "days"], [3_600, "hours"], [60, "minutes"]] as const;
  const [size, name] = units.find(([size]) => seconds >= 2 * size) ?? [1, "seconds"];
  return `${Math.round(seconds / size)} ${name}`;
}
