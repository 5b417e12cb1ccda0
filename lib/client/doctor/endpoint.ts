/** Whether there is an MCP endpoint at the URL, and how it asks for a sign-in. */

import { extractWWWAuthenticateParams } from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../../errors.ts";
import { findRefusedRedirect } from "../checked_fetch.ts";
import type { ClientContext } from "../context.ts";
import { findResourceMetadata } from "../discovery.ts";
import { sanitizeLine } from "../sanitize.ts";
import { type Answer, ask, describeAnswer, describeUrl, readObject } from "./answer.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** The one message that every revision answers, and that opens no session. */
const PING = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });

const MAX_REDIRECTS = 5;

/** What is at the URL. */
export interface EndpointCheck {
  finding: Finding;
  /** `foreign`: no MCP server. `silent`: perhaps one, but it does not let anybody in now. */
  kind: "protected" | "open" | "silent" | "foreign";
  /** From the challenge, if there is one. */
  scope?: string | undefined;
  resourceMetadataUrl?: string | undefined;
}

/**
 * Sends a message without a token, and follows the redirects that a message may follow.
 *
 * @throws {CommandError} when the server cannot be reached.
 */
export async function callEndpoint(
  context: ClientContext,
  url: URL = context.serverUrl,
): Promise<Answer> {
  for (let hops = 0;; hops++) {
    const answer = await ask(context, url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: PING,
    });
    const location = answer.headers.get("location");
    const redirected = answer.status === 307 || answer.status === 308;
    const target = redirected && URL.parse(location ?? "", url);
    if (!target || target.origin !== url.origin || hops === MAX_REDIRECTS) return answer;
    url = target;
  }
}

/**
 * Judges the answer to a message without a token (CL-15).
 *
 * @param answer from {@link callEndpoint}.
 */
export async function checkEndpoint(
  context: ClientContext,
  answer: Answer,
): Promise<EndpointCheck> {
  const { href } = context.serverUrl;
  if (answer.status === 401) return checkChallenge(href, answer);
  if (isMcp(answer)) {
    return {
      kind: "open",
      finding: ok("endpoint", href, "an MCP server that asks for no sign-in"),
    };
  }
  if (answer.status === 403) {
    return {
      kind: "silent",
      finding: problem("endpoint", href, describeAnswer(answer), {
        code: "forbidden",
        message: "The server turns this client away instead of asking for a sign-in.",
        fault: "mcp_server",
        advice: "Ask whoever runs it; a firewall or a proxy in front may be what answers.",
      }),
    };
  }
  if (answer.status === 429 || answer.status >= 500) {
    return {
      kind: "silent",
      finding: problem("endpoint", href, describeAnswer(answer), {
        code: "server_unavailable",
        message: "The server cannot answer right now.",
        fault: "mcp_server",
        advice: "Try again later. If it stays so, tell whoever runs it.",
      }, ExitCode.unreachable),
    };
  }
  return { kind: "foreign", finding: await explainForeign(context, answer) };
}

function checkChallenge(href: string, answer: Answer): EndpointCheck {
  const header = answer.headers.get("www-authenticate");
  const { scope, resourceMetadataUrl } = extractWWWAuthenticateParams(new Response(null, answer));
  const challenge = { scope, resourceMetadataUrl: resourceMetadataUrl?.href };
  const scheme = sanitizeLine(header?.split(" ")[0] ?? "", 30);
  if (!/^(?:bearer|dpop)$/i.test(scheme)) {
    const finding = warning("endpoint", href, `HTTP 401, ${scheme || "without a challenge"}`, {
      code: "no_challenge",
      message: header === null
        ? "The 401 has no WWW-Authenticate, so it does not say how to sign in."
        : `The 401 asks for ${scheme}, not for a bearer token.`,
      fault: "mcp_server",
      advice: "The well-known places are looked at instead; other clients may not do that.",
    });
    return { kind: "protected", finding, ...challenge };
  }
  const details = [
    scope === undefined ? "no scope" : `scope ${sanitizeLine(scope, 80)}`,
    challenge.resourceMetadataUrl === undefined
      ? "no address of its metadata"
      : "the address of its metadata",
  ];
  const seen = `HTTP 401, ${scheme} challenge with ${details.join(" and ")}`;
  if (answer.url.href !== href) {
    const finding = warning("endpoint", href, seen, {
      code: "redirected",
      message: `It is at ${describeUrl(answer.url.href)}; every request is redirected there.`,
      fault: "you",
      advice: "Use that address.",
    });
    return { kind: "protected", finding, ...challenge };
  }
  return { kind: "protected", finding: ok("endpoint", href, seen), ...challenge };
}

function isMcp(answer: Answer): boolean {
  if (answer.type === "text/event-stream") return answer.status === 200;
  return readObject(answer)?.jsonrpc === "2.0";
}

/** Something answers that is no MCP server: says what it is, and where the server may be. */
async function explainForeign(context: ClientContext, answer: Answer): Promise<Finding> {
  const { serverUrl } = context;
  const { href, host } = serverUrl;
  const seen = describeAnswer(answer);
  const fail = (code: string, message: string, advice: string) =>
    problem("endpoint", href, seen, { code, message, fault: "you", advice }, ExitCode.unreachable);
  // nginx and Go answer in plain http what they cannot understand on their port for https.
  if (answer.status === 400 && /HTTPS (?:port|server)/i.test(answer.text)) {
    return fail("not_http", "That port speaks https.", `Use https://${host}${serverUrl.pathname}.`);
  }
  const suggestion = await suggestAddress(context);
  const advice = suggestion === undefined
    ? "Check the address; it often ends in /mcp."
    : `Use ${suggestion}: there is one.`;
  const target = findRefusedRedirect(answer.url, answer);
  if (target) {
    const place = describeUrl(target.href);
    return fail(
      "redirected",
      `Messages are sent elsewhere, and a token must not follow there.`,
      suggestion === undefined
        ? `If you trust ${place} and it is an MCP endpoint, use that address.`
        : advice,
    );
  }
  if (serverUrl.pathname.endsWith("/sse")) {
    return fail(
      "not_mcp",
      "This looks like the HTTP+SSE transport of 2024, which this client does not speak.",
      suggestion === undefined ? "Ask for the address of the Streamable HTTP endpoint." : advice,
    );
  }
  return fail("not_mcp", "There is no MCP endpoint at this address.", advice);
}

/** Where an MCP endpoint is: as the server's metadata has it, or with `/mcp` at the end. */
async function suggestAddress(context: ClientContext): Promise<string | undefined> {
  const { serverUrl } = context;
  try {
    const { metadata } = await findResourceMetadata(context, undefined);
    const path = serverUrl.pathname.replace(/(?:\/|\/mcp\/?)$/, "");
    const candidates = new Set([metadata?.resource ?? "", `${path}/mcp`, "/mcp"]);
    for (const candidate of candidates) {
      const url = URL.parse(candidate, serverUrl);
      if (url?.origin !== serverUrl.origin || url.href === serverUrl.href) continue;
      const answer = await callEndpoint(context, url);
      if (answer.status === 401 || isMcp(answer)) return sanitizeLine(url.href);
    }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
  return undefined;
}
