/** Scopes that one tool, resource or prompt needs beyond those every request needs. */

import type { ScopeChallengeHandler } from "@modelcontextprotocol/server";
import { coversScope, resourceScopes } from "../oauth/scopes.ts";

/**
 * Makes the `scopeChallenge` of a tool: a caller without the scopes gets a 403 that names all of
 * them at once, before the tool runs (MCP 2026-07-28, RS-17 to RS-19), and the client can ask for
 * more. What was granted already is named too, since clients of the 2025 revisions ask for what the
 * challenge names and nothing else.
 *
 * @param needed scopes of this operation.
 */
export function requireScope(...needed: [string, ...string[]]): ScopeChallengeHandler {
  return ({ authInfo }) => {
    const granted = authInfo?.scopes ?? [];
    const missing = needed.filter((scope) => !coversScope(granted, scope));
    if (missing.length === 0) return undefined;
    const [first, ...rest] = needed;
    return {
      scopes: [first, ...new Set([...rest, ...resourceScopes(granted)].filter((s) => s !== first))],
      errorDescription: `This needs: ${missing.join(" ")}`,
    };
  };
}
