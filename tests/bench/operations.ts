/** What clients do to the server that is measured. */

import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { approve, createPkce, REDIRECT_URI } from "../support/oauth_client.ts";

/** What a signed-in client holds. */
export interface Session {
  clientId: string;
  accessToken: string;
  refreshToken: string;
}

/** Something a client does once. */
export type Operation = () => Promise<void>;

async function drain(response: Response, status: number): Promise<void> {
  if (response.status !== status) throw new Error(`${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

/** Revision 2026-07-28, or one of before. */
type Era = "modern" | "legacy";

/** Calls a tool with one token, or without. */
export function callEcho(
  url: string,
  token: string | undefined,
  era: Era,
  status = 200,
): Operation {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { name: "echo", arguments: { message: "hello" } };
  const modern = era === "modern";
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: modern ? { ...params, _meta: meta } : params,
  });
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": modern ? "2026-07-28" : "2025-11-25",
    ...(modern && { "mcp-method": "tools/call", "mcp-name": "echo" }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  return async () => {
    await drain(await fetch(`${url}/mcp`, { method: "POST", headers, body }), status);
  };
}

/** Calls a tool for each session in turn: one alone would be slowed down as too eager. */
export function callInTurn(url: string, sessions: readonly Session[], era: Era): Operation {
  const calls = sessions.map(({ accessToken }) => callEcho(url, accessToken, era));
  let next = 0;
  return async () => await calls[next++ % calls.length]?.();
}

function post(url: string, form: Record<string, string>): Promise<Response> {
  return fetch(url, { method: "POST", body: new URLSearchParams(form) });
}

/** Registers once, so that the flow measured is the code flow. */
export async function register(url: string): Promise<string> {
  const response = await fetch(`${url}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [REDIRECT_URI] }),
  });
  return (await response.json()).client_id;
}

let people = 0;

/** The whole code flow, with consent and sign-in at WorkOS. */
export async function signIn(url: string, clientId: string): Promise<Session> {
  const { verifier, challenge } = createPkce();
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code_challenge: challenge,
    code_challenge_method: "S256",
  });
  const browser = createScriptedBrowser({
    fetch: (request) => {
      // Every person from an address of their own: the brakes are not what is measured.
      request.headers.set("x-forwarded-for", `10.0.${Math.floor(people / 250)}.${people++ % 250}`);
      return fetch(request, { redirect: "manual" });
    },
    stopAt: (url) => url.startsWith(REDIRECT_URI),
  });
  const end = await approve(browser, `${url}/authorize?${query}`);
  const response = await post(`${url}/token`, {
    grant_type: "authorization_code",
    client_id: clientId,
    code: new URL(end.url).searchParams.get("code") ?? "",
    code_verifier: verifier,
  });
  const tokens = await response.json();
  return { clientId, accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
}

/** Exchanges a session's refresh token. */
export async function refresh(url: string, session: Session): Promise<void> {
  const response = await post(`${url}/token`, {
    grant_type: "refresh_token",
    client_id: session.clientId,
    refresh_token: session.refreshToken,
  });
  if (response.status !== 200) throw new Error(await response.text());
  session.refreshToken = (await response.json()).refresh_token;
}

/** Refreshes sessions in turn, each worker another one, since a token works once. */
export function refreshInTurn(url: string, sessions: Session[]): Operation {
  let next = 0;
  return () => refresh(url, sessions[next++ % sessions.length] ?? { ...empty });
}

const empty: Session = { clientId: "", accessToken: "", refreshToken: "" };
