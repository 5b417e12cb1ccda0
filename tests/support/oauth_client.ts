/** An MCP client's side of OAuth, one step at a time and without any cleverness. */

import { createHash, randomBytes } from "node:crypto";
import type { Page, ScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { SERVER, type World } from "./world.ts";

/** Where the client in these tests receives its code. */
export const REDIRECT_URI = "http://127.0.0.1:33418/callback";

/** A token response. */
export interface Tokens {
  access_token: string;
  token_type: string;
  expires_in: number;
  scope: string;
  refresh_token: string;
}

/** A fresh PKCE pair. */
export function createPkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

/** Registers a client and returns the answer. */
export async function register(
  world: World,
  metadata: Record<string, unknown> = {},
): Promise<Record<string, unknown> & { client_id: string }> {
  const response = await world.fetch(`${SERVER}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Test App", redirect_uris: [REDIRECT_URI], ...metadata }),
  });
  return await response.json();
}

/** Builds an authorization URL; `undefined` takes a default parameter away. */
export function authorizationUrl(parameters: Record<string, string | undefined>): string {
  const all = {
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    code_challenge_method: "S256",
    scope: "openid profile email offline_access",
    state: "client-state",
    resource: `${SERVER}/mcp`,
    ...parameters,
  };
  const defined = Object.entries(all).filter((entry): entry is [string, string] =>
    entry[1] !== undefined
  );
  return `${SERVER}/authorize?${new URLSearchParams(defined)}`;
}

/** Goes through consent and the emulator's login page, as a person would. */
export async function approve(
  browser: ScriptedBrowser,
  url: string,
  email: string = "alice@acme.test",
): Promise<Page> {
  const consent = await browser.visit(url);
  const login = await browser.submit(consent, { decision: "approve" });
  return await browser.submit(login, { email });
}

/** Posts a form. */
export function post(
  world: World,
  path: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return world.fetch(`${SERVER}${path}`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(form).toString(),
  });
}

/** Everything from registration to tokens. */
export async function signIn(
  world: World,
  options: {
    email?: string;
    /** Of somebody who has to choose one. */
    organizationId?: string;
    scope?: string;
    metadata?: Record<string, unknown>;
  } = {},
): Promise<{ clientId: string; tokens: Tokens; code: string; verifier: string }> {
  const { client_id: clientId } = await register(world, options.metadata);
  const { verifier, challenge } = createPkce();
  const url = authorizationUrl({
    client_id: clientId,
    code_challenge: challenge,
    ...(options.scope !== undefined && { scope: options.scope }),
  });
  const browser = world.browser();
  const page = await approve(browser, url, options.email);
  const end = options.organizationId === undefined
    ? page
    : await browser.submit(page, { organization_id: options.organizationId });
  const code = new URL(end.url).searchParams.get("code");
  if (!code) throw new Error(`No code at ${end.url}`);
  const response = await post(world, "/token", {
    grant_type: "authorization_code",
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: REDIRECT_URI,
  });
  return { clientId, tokens: await response.json(), code, verifier };
}

/** Calls a tool in the 2026-07-28 protocol and returns the raw response. */
export function callTool(
  world: Pick<World, "fetch">,
  accessToken: string | undefined,
  name: string,
  args: Record<string, unknown> = {},
): Promise<Response> {
  return world.fetch(`${SERVER}/mcp`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": name,
      ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: {
        name,
        arguments: args,
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
        },
      },
    }),
  });
}
