/** The whole way to a sign-in, step by step, without signing in. */

import type { OAuthDiscoveryState } from "@modelcontextprotocol/client";
import { CommandError } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { issuerOf } from "../discovery.ts";
import { createMemoryTokenCache } from "../memory_token_cache.ts";
import { type Answer, type Exchange, observeFetch } from "./answer.ts";
import { checkAuthorizationServer, checkPkceSupport } from "./authorization_server.ts";
import { checkCache, checkKeptSignIn } from "./cache.ts";
import { checkClock } from "./clock.ts";
import { callEndpoint, checkEndpoint } from "./endpoint.ts";
import { checkRevocation, checkTokenEndpoint } from "./token_endpoint.ts";
import { type Finding, skipped, STEPS } from "./finding.ts";
import type { Host } from "./network.ts";
import { checkConnection, checkName, checkUrl, UNREACHABLE } from "./reach.ts";
import { checkReadiness } from "./readiness.ts";
import { checkRedirect, tryToListen } from "./redirect_uri.ts";
import { checkRegistration } from "./registration.ts";
import { checkResourceMetadata } from "./resource_metadata.ts";

/**
 * Looks at every step. A step after a problem is looked at if it does not depend on it.
 *
 * @param context the server, and everything outside.
 * @param host the rest of the machine.
 * @returns a finding a step, in the order of {@link STEPS}; only `workos` may be absent.
 */
export async function examine(context: ClientContext, host: Host): Promise<Finding[]> {
  const exchanges: Exchange[] = [];
  const observed = {
    ...context,
    fetch: observeFetch(context, exchanges),
    // Whoever looks for what is wrong does not want it mended under their eyes.
    cache: { ...context.cache, read: context.cache.peek },
  };
  const findings: Finding[] = [];
  const add = (...more: Finding[]) => findings.push(...more);
  const why = await walk(observed, host, exchanges, add);
  if (exchanges.length > 0) {
    add(checkClock(exchanges));
    const readiness = await checkReadiness(observed);
    if (readiness) add(readiness);
  }
  // After Ctrl-C every request fails, which says nothing about the server.
  context.signal.throwIfAborted();
  if (why !== undefined) {
    const seen = new Set(findings.map(({ step }) => step));
    const missing = STEPS.filter((step) => !seen.has(step) && step !== "workos");
    add(...missing.map((step) => skipped(step, context.serverUrl.href, why)));
  }
  return findings.sort((one, other) => STEPS.indexOf(one.step) - STEPS.indexOf(other.step));
}

/** @returns why it could not look at every step, if so. */
async function walk(
  context: ClientContext,
  host: Host,
  exchanges: Exchange[],
  add: (...findings: Finding[]) => void,
): Promise<string | undefined> {
  add(checkUrl(context), await checkCache(host));
  const kept = await checkKeptSignIn(context);
  add(kept.finding);

  const answer = await reach(context);
  const failure = answer instanceof CommandError ? answer : undefined;
  const name = await checkName(context, host, failure);
  add(name, checkConnection(context, name, failure));
  if (answer instanceof CommandError) return UNREACHABLE;

  const endpoint = await checkEndpoint(context, answer);
  add(endpoint.finding);
  if (endpoint.kind === "foreign") return "there is no MCP endpoint at this address";
  if (endpoint.kind === "open") return "the server asks for no sign-in";

  const resource = await checkResourceMetadata(context, endpoint, exchanges);
  add(resource.finding);
  const { authorizationServerUrl, metadata: resourceMetadata } = resource;
  if (authorizationServerUrl === undefined) return "the authorization server is not known";

  const server = await checkAuthorizationServer(context, authorizationServerUrl, exchanges);
  add(server.finding);
  if (server.finding.status === "problem") return "the authorization server cannot be used";

  const discovery: OAuthDiscoveryState = {
    authorizationServerUrl,
    ...resourceMetadata && { resourceMetadata },
    ...server.metadata && { authorizationServerMetadata: server.metadata },
  };
  const issuer = issuerOf(discovery);
  const pkce = checkPkceSupport(issuer, server.metadata);
  const attempt = await tryToListen(context, discovery);
  const registration = await checkRegistration(context, discovery, attempt.redirectUrl);
  add(pkce, await checkTokenEndpoint(context, discovery), checkRevocation(context, discovery));
  if (pkce.status === "problem" || registration.finding.status === "problem") {
    add(registration.finding);
    return "no sign-in can begin";
  }
  const scope = context.settings.scope ?? endpoint.scope ??
    resourceMetadata?.scopes_supported?.join(" ");
  const redirect = await checkRedirect(context, discovery, registration.client, attempt, scope);
  const { finding } = redirect.registersAnew
    ? await checkRegistration(withNothingKept(context), discovery, attempt.redirectUrl)
    : registration;
  add(finding, redirect.finding);
  return undefined;
}

/** As if nothing were known of the server. */
function withNothingKept(context: ClientContext): ClientContext {
  return { ...context, cache: createMemoryTokenCache() };
}

async function reach(context: ClientContext): Promise<Answer | CommandError> {
  try {
    return await callEndpoint(context);
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}
