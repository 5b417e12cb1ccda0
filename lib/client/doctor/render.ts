/** The findings for people: a line a step, and what to do below those that need it. */

import type { Style } from "../output.ts";
import type { Fault, Finding, Step } from "./finding.ts";

const SIGNS = { ok: "ok", warning: "warn", problem: "FAIL", skipped: "-" } as const;

const LOOKS = { ok: "dim", warning: "bold", problem: "red" } as const;

const NAMES: Record<Step, string> = {
  url: "URL",
  cache: "cache",
  kept_sign_in: "kept sign-in",
  dns: "DNS",
  connection: "connection",
  endpoint: "MCP endpoint",
  resource_metadata: "resource metadata",
  authorization_server: "authorization server",
  pkce: "PKCE",
  registration: "registration",
  redirect_uri: "redirect URI",
  token_endpoint: "token endpoint",
  revocation: "revocation",
  clock: "clock",
  workos: "WorkOS",
};

const FAULTS: Record<Fault, string> = {
  you: "you",
  network: "whoever runs the network",
  mcp_server: "whoever runs the MCP server",
  authorization_server: "whoever runs the authorization server",
  workos_settings: "whoever runs the MCP server, in its WorkOS settings",
};

const SIGN_WIDTH = 6;
const NAME_WIDTH = 22;

/**
 * Makes the text. Steps that could not be looked at for the same reason share a line.
 *
 * @param findings in their order.
 */
export function renderFindings(findings: Finding[], style: Style): string {
  const lines: string[] = [];
  const skippedFor = new Map<string, string[]>();
  for (const finding of findings) {
    const { step, status, seen } = finding;
    if (status === "skipped") {
      skippedFor.set(seen, [...skippedFor.get(seen) ?? [], NAMES[step]]);
      continue;
    }
    lines.push(renderLine(SIGNS[status], NAMES[step], seen, style, LOOKS[status]));
    if ("trouble" in finding) lines.push(...renderTrouble(finding, style));
  }
  for (const [why, names] of skippedFor) {
    lines.push(renderLine(SIGNS.skipped, "not looked at", `${names.join(", ")}: ${why}`, style));
  }
  const verdict = judge(findings);
  if (verdict !== undefined) lines.push("", verdict);
  return lines.join("\n");
}

/** @returns `undefined` if a sign-in would fail: that is an error, and told as one. */
function judge(findings: Finding[]): string | undefined {
  if (findings.some(({ status }) => status === "problem")) return undefined;
  const isSkipped = (one: Step) =>
    findings.some(({ step, status }) => step === one && status === "skipped");
  if (isSkipped("registration")) return "No sign-in is needed.";
  return isSkipped("redirect_uri")
    ? "A sign-in would work, as far as can be told: whether the redirect URI is accepted could not be tested."
    : "A sign-in would work.";
}

function renderLine(
  sign: string,
  name: string,
  text: string,
  style: Style,
  look: "bold" | "dim" | "red" = "dim",
): string {
  return `${style[look](sign.padEnd(SIGN_WIDTH))}${name.padEnd(NAME_WIDTH)}${text}`;
}

function renderTrouble(
  { looked_at, trouble }: Extract<Finding, { status: "warning" | "problem" }>,
  { dim }: Style,
): string[] {
  const indent = " ".repeat(SIGN_WIDTH);
  const { message, advice, fault } = trouble;
  return [
    `${indent}${message}`,
    ...advice === undefined ? [] : [`${indent}${advice}`],
    `${indent}${dim(`Looked at ${looked_at}; up to ${FAULTS[fault]}.`)}`,
  ];
}
