/** A server whose authorization server is AuthKit, with a stranger's OpenID provider in its place. */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import type { App } from "../../lib/app.ts";
import { type Config, readConfig } from "../../lib/config.ts";
import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { createLog } from "../../lib/log.ts";
import { readLogFields, type RequestContext } from "../../lib/request_context.ts";
import { createResourceApp } from "../../lib/resource_app.ts";
import { connectAuthKit } from "../../lib/workos/connect_workos.ts";
import { createEmulator } from "../../lib/workos/emulator/emulator.ts";
import { definition as exampleDefinition } from "../../server.ts";
import { callTool, createPkce, REDIRECT_URI } from "./oauth_client.ts";
import { type OidcProvider, startOidcProvider } from "./oidc_provider.ts";
import { getSecretWatch } from "./secret_watch.ts";
import { EMULATOR, SERVER } from "./world.ts";

/** Lifetime of the access tokens that a world issues, in seconds. */
const TOKEN_TTL = 3600;

/** A server and the AuthKit that it trusts. */
export interface AuthKitWorld extends AsyncDisposable {
  app: App;
  config: Config;
  provider: OidcProvider;
  /** Reaches the server. */
  fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Lines of JSON written at debug level. */
  logs: string[];
  /** Moves the server's clock, in milliseconds. */
  advance: (duration: number) => void;
  now: () => number;
  /**
   * Signs an access token as AuthKit describes its own.
   *
   * @param claims that are otherwise; undefined takes one away.
   */
  issue(
    claims?: Record<string, unknown>,
    header?: Record<string, unknown>,
    key?: CryptoKey | Uint8Array,
  ): Promise<string>;
}

/**
 * Builds the world. The WorkOS API is the emulator, for which settings have to be given.
 *
 * @param env settings beside the AuthKit domain.
 * @param resources resource indicators beside that of the server.
 * @param definition of the tools, if they are others than the example's.
 */
export async function createAuthKitWorld(
  env: Record<string, string> = {},
  resources: string[] = [],
  definition = exampleDefinition,
): Promise<AuthKitWorld> {
  const resource = `${env.WORKOS_BASE_URL ?? SERVER}/mcp`;
  const provider = await startOidcProvider({ resources: [resource, ...resources] });
  const config = readConfig({
    WORKOS_API_URL: EMULATOR,
    WORKOS_AUTHKIT_DOMAIN: provider.issuer,
    ...env,
  });
  Object.assign(provider.claims, { sid: "app_consent_alice", org_id: "org_acme" });
  // The provider's clock cannot be set.
  let time = Date.now();
  const now = () => time;
  const logs: string[] = [];
  const secrets = getSecretWatch();
  secrets.watchLog(() => logs);
  const emulator = createEmulator({ origin: EMULATOR, now, redirectUris: [] });
  const requestContext = new AsyncLocalStorage<RequestContext>();
  const log = createLog({
    level: "debug",
    format: "json",
    now,
    write: (line) => void logs.push(line),
    context: () => readLogFields(requestContext.getStore()),
  });
  const connection = connectAuthKit({
    ...config,
    config: config.workos,
    log,
    now,
    fetch(input, init) {
      const request = new Request(input, init);
      return request.url.startsWith(EMULATOR) ? emulator.fetch(request) : fetch(request);
    },
  }, provider.issuer);
  const bareApp = createResourceApp({
    config,
    definition,
    ...connection,
    log,
    requestContext,
    now,
    random: randomBytes,
    wait: () => Promise.resolve(),
  });
  const app: App = { ...bareApp, fetch: secrets.watch(bareApp.fetch) };
  return {
    app,
    config,
    provider,
    logs,
    now,
    fetch: (input, init) => app.fetch(new Request(input, init)),
    advance: (duration) => time += duration,
    issue(claims, header, key) {
      const seconds = Math.floor(time / 1000);
      return provider.sign(
        {
          sub: "user_alice",
          aud: resource,
          client_id: "client_mcp",
          scope: "openid profile email offline_access",
          iat: seconds,
          exp: seconds + TOKEN_TTL,
          jti: crypto.randomUUID(),
          ...provider.claims,
          ...claims,
        },
        header,
        key,
      );
    },
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

/** What AuthKit gives a client. */
export type AuthKitTokens = Record<"access_token" | "id_token" | "refresh_token", string>;

/** A browser over sockets that stops at no page of ours. */
export function createSocketBrowser(): ReturnType<typeof createScriptedBrowser> {
  return createScriptedBrowser({
    fetch: (request) => fetch(request, { redirect: "manual" }),
    stopAt: (url) => url.startsWith(REDIRECT_URI),
  });
}

/**
 * Registers a client at the provider and signs Alice in there.
 *
 * @param resource the resource indicator, unless none is sent.
 */
export async function signInAtAuthKit(
  { provider: { issuer } }: Pick<AuthKitWorld, "provider">,
  resource?: string,
): Promise<{ clientId: string; tokens: AuthKitTokens }> {
  const document = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  const endpoints = await document.json();
  const registration = await fetch(endpoints.registration_endpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      redirect_uris: [REDIRECT_URI],
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
    }),
  });
  const { client_id: clientId } = await registration.json();
  const { verifier, challenge } = createPkce();
  const url = new URL(endpoints.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    scope: "openid profile email",
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...(resource && { resource }),
  }).toString();
  const browser = createSocketBrowser();
  const end = await browser.submit(await browser.visit(url.href), { email: "x" });
  const answer = await fetch(endpoints.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: clientId,
      code: new URL(end.url).searchParams.get("code") ?? "",
      code_verifier: verifier,
      redirect_uri: REDIRECT_URI,
    }),
  });
  return { clientId, tokens: await answer.json() };
}

/** Status of the answer to a call with a token. */
export async function statusOf(world: AuthKitWorld, token: string): Promise<number> {
  const response = await callTool(world, token, "whoami");
  await response.body?.cancel();
  return response.status;
}

/** Status of an answer, and what its challenge says of the token. */
export function readRefusal(
  { status, headers }: Response,
): { status: number; error: string; description: string } {
  const challenge = headers.get("www-authenticate") ?? "";
  const [, error = "", description = ""] =
    /^Bearer error="([^"]*)", error_description="([^"]*)", scope="[^"]+", resource_metadata="[^"]+"$/
      .exec(challenge) ?? [];
  return { status, error, description };
}
