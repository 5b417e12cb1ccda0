/** Programs of other people, from npm, at the versions that `npm_packages.lock` holds. */

import { fileURLToPath } from "node:url";

const LOCK = fileURLToPath(new URL("npm_packages.lock", import.meta.url));

/**
 * The programs. They are not in the import map, so that nobody downloads them who only wants to
 * run the server or the client. After a change here, `deno cache --no-config
 * --lock=tests/support/npm_packages.lock` with all of them as arguments writes their lock file.
 */
export const PACKAGES = {
  conformance: "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12",
  inspector: "npm:@modelcontextprotocol/inspector@2.12.0",
  mcpRemote: "npm:mcp-remote@0.15.1",
} as const;

/**
 * The command line, after `deno`, that runs a program of {@link PACKAGES}.
 *
 * @param name the program.
 * @param args its own command line.
 */
export function packageArguments(name: keyof typeof PACKAGES, args: readonly string[]): string[] {
  // Such programs read the whole environment and start processes of their own.
  const options = ["-q", "-A", "--no-config", `--lock=${LOCK}`, "--frozen"];
  return ["run", ...options, PACKAGES[name], ...args];
}
