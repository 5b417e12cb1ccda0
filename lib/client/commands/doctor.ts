/** `doctor`: would a sign-in work, and if not, why, and who can change that. */

import { CommandError } from "../../errors.ts";
import type { Arguments } from "../arguments.ts";
import type { ConnectOptions } from "../context.ts";
import { examine } from "../doctor/examine.ts";
import { createHost, type Host } from "../doctor/network.ts";
import { renderFindings } from "../doctor/render.ts";
import type { Output } from "../output.ts";
import { parseServerUrl } from "../server_url.ts";

/**
 * Walks the way to a sign-in without signing in, and prints what it saw at each step.
 *
 * @param args the command line.
 * @param options see {@link ConnectOptions}.
 * @param output receives the findings.
 * @param host what `options` does not hold of the machine.
 * @throws {CommandError} `usage`, or `sign_in_would_fail` with the exit code of the first problem.
 */
export async function runDoctor(
  args: Arguments,
  options: ConnectOptions,
  output: Output,
  host: Host = createHost(),
): Promise<void> {
  const serverUrl = parseServerUrl(args.url);
  output.status(`Looking at ${serverUrl.href} …`);
  const findings = await examine({ ...options, serverUrl }, host);
  output.result(findings, (style) => renderFindings(findings, style));
  const problems = findings.filter((finding) => finding.status === "problem");
  const [first, ...others] = problems;
  if (!first) return;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  throw new CommandError(
    "sign_in_would_fail",
    `A sign-in would fail. ${first.trouble.message}${more}`,
    first.exit_code,
  );
}
