/** An MCP server with its authorization server, in one handler, with the faults a test asks for. */

import { createMcpHandler, legacyStatelessFallback, McpServer } from "@modelcontextprotocol/server";
import { createHash } from "node:crypto";
import * as z from "zod";

/** What a test may set, before or between requests. */
export interface FakeServerFaults {
  /** Speak only the protocol revisions of 2025. */
  legacyOnly: boolean;
  /** Do not ask for tokens. */
  open: boolean;
  /** Seconds an access token lives. */
  tokenLifetime: number;
  /** Scope the tools need; a token without it meets a 403. */
  toolScope: string;
  /** Give only these scopes, whatever was asked for. */
  grantOnly?: string;
  /** Changes to the authorization server's metadata; `undefined` removes a member. */
  metadata: Record<string, unknown>;
  /** No protected resource metadata (MCP 2025-03-26) and, if `true`, no other metadata either. */
  noMetadata: boolean | "resource";
  /** Answers of the token endpoint, used up one a request. */
  tokenAnswers: (() => Response | Promise<Response>)[];
  /** Changes the parameters of the redirect back to the client. */
  redirect: (parameters: URLSearchParams) => void;
  /** The authorization server to send clients to, instead of its own origin. */
  authorizationServer?: string;
  /** The tools there are. */
  toolNames: string[];
  /** Registers more tools. */
  registerTools: (server: McpServer) => void;
  /** Answers of the revocation endpoint, used up one a request. */
  revocationAnswers: (() => Response | Promise<Response>)[];
  /** What `whoami` answers. */
  whoami: () => { content: { type: "text"; text: string }[]; isError?: boolean };
}

/** What reached the server. */
export interface FakeServerCounts {
  registrations: number;
  authorizations: number;
  /** Authorization requests of a client that looks before it sends the browser there. */
  probes: number;
  codeExchanges: number;
  refreshes: number;
}

const ECHO_INPUT = z.object({ message: z.string() });

interface Grant {
  clientId: string;
  redirectUri: string;
  challenge: string;
  scope: string;
}

/** One server in memory. */
export interface FakeServer {
  readonly url: string;
  readonly faults: FakeServerFaults;
  readonly counts: FakeServerCounts;
  /** Everything sent to the authorization endpoint. */
  readonly authorizationRequests: URLSearchParams[];
  /** Everything sent to the revocation endpoint, with its `authorization` header if there is one. */
  readonly revocationRequests: URLSearchParams[];
  /** Bodies of registrations. */
  readonly registrations: Record<string, unknown>[];
  /** Answers any request to its origin. */
  handle(request: Request): Promise<Response>;
  /** Same, as a `fetch`; any other origin cannot be reached. */
  fetch(input: string | URL, init?: RequestInit): Promise<Response>;
  /** Ends all access tokens; refresh tokens go on. */
  expireAccessTokens(): void;
  /** Ends everything ever issued. */
  revokeEverything(): void;
  /** Forgets all registered clients. */
  forgetClients(): void;
}

/**
 * Makes a server.
 *
 * @param origin where it pretends to be, without a slash at the end.
 * @param now clock, in milliseconds.
 */
export function createFakeServer(
  origin = "http://localhost:8000",
  now: () => number = Date.now,
): FakeServer {
  const url = `${origin}/mcp`;
  const clients = new Set<string>();
  const codes = new Map<string, Grant>();
  const refreshTokens = new Map<string, Grant>();
  const accessTokens = new Map<string, { scope: string; expiresAt: number }>();
  const counts = { registrations: 0, authorizations: 0, probes: 0, codeExchanges: 0, refreshes: 0 };
  const authorizationRequests: URLSearchParams[] = [];
  const revocationRequests: URLSearchParams[] = [];
  const registrations: Record<string, unknown>[] = [];
  const faults: FakeServerFaults = {
    legacyOnly: false,
    open: false,
    tokenLifetime: 900,
    toolScope: "openid",
    metadata: {},
    noMetadata: false,
    tokenAnswers: [],
    redirect() {},
    toolNames: ["whoami", "echo"],
    registerTools() {},
    revocationAnswers: [],
    whoami: () => ({ content: [{ type: "text", text: "alice@acme.test" }] }),
  };

  const factory = () => {
    const server = new McpServer({ name: "fake", version: "1.2.3" });
    if (faults.toolNames.includes("whoami")) {
      server.registerTool(
        "whoami",
        { description: "Tells who you are" },
        () => faults.whoami(),
      );
    }
    if (faults.toolNames.includes("echo")) {
      server.registerTool(
        "echo",
        { description: "Says it again", inputSchema: ECHO_INPUT },
        ({ message }) => ({ content: [{ type: "text", text: message }] }),
      );
    }
    faults.registerTools(server);
    return server;
  };
  const modern = createMcpHandler(factory);
  const legacy = legacyStatelessFallback(factory);

  function challenge(status: 401 | 403, error: string, scope: string): Response {
    const metadata = `${origin}/.well-known/oauth-protected-resource/mcp`;
    return new Response(null, {
      status,
      headers: {
        "www-authenticate": `Bearer error="${error}", scope="${scope}"` +
          (faults.noMetadata ? "" : `, resource_metadata="${metadata}"`),
      },
    });
  }

  async function mcp(request: Request): Promise<Response> {
    if (!faults.open) {
      const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
      const access = accessTokens.get(token);
      if (!access || access.expiresAt <= now()) return challenge(401, "invalid_token", "openid");
      const body = await request.clone().text();
      if (body.includes("tools/call") && !access.scope.split(" ").includes(faults.toolScope)) {
        return challenge(403, "insufficient_scope", faults.toolScope);
      }
    }
    return faults.legacyOnly ? await legacy(request) : await modern.fetch(request);
  }

  function authorize(parameters: URLSearchParams, isProbe: boolean): Response {
    if (isProbe) counts.probes++;
    else {
      counts.authorizations++;
      authorizationRequests.push(parameters);
    }
    const clientId = parameters.get("client_id") ?? "";
    if (!clients.has(clientId)) return new Response("unknown client", { status: 400 });
    const code = crypto.randomUUID();
    codes.set(code, {
      clientId,
      redirectUri: parameters.get("redirect_uri") ?? "",
      challenge: parameters.get("code_challenge") ?? "",
      scope: faults.grantOnly ?? parameters.get("scope") ?? "",
    });
    const location = new URL(parameters.get("redirect_uri") ?? "");
    location.searchParams.set("code", code);
    location.searchParams.set("state", parameters.get("state") ?? "");
    if (faults.noMetadata !== true) location.searchParams.set("iss", origin);
    faults.redirect(location.searchParams);
    return Response.redirect(location, 302);
  }

  function issue(grant: Grant): Response {
    const accessToken = `at-${crypto.randomUUID()}`;
    const refreshToken = `rt-${crypto.randomUUID()}`;
    accessTokens.set(accessToken, {
      scope: grant.scope,
      expiresAt: now() + faults.tokenLifetime * 1000,
    });
    refreshTokens.set(refreshToken, grant);
    return Response.json({
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: faults.tokenLifetime,
      refresh_token: refreshToken,
      scope: grant.scope,
    });
  }

  function exchange(parameters: URLSearchParams): Response {
    const refuse = (error: string) => Response.json({ error }, { status: 400 });
    const take = (grants: Map<string, Grant>, name: string) => {
      const key = parameters.get(name) ?? "";
      const grant = grants.get(key);
      grants.delete(key);
      return grant;
    };
    const refreshing = parameters.get("grant_type") === "refresh_token";
    counts[refreshing ? "refreshes" : "codeExchanges"]++;
    const clientId = parameters.get("client_id") ?? "";
    if (!clients.has(clientId)) return refuse("invalid_client");
    const resource = faults.noMetadata ? null : url;
    if (parameters.get("resource") !== resource) return refuse("invalid_target");
    const grant = refreshing ? take(refreshTokens, "refresh_token") : take(codes, "code");
    if (grant?.clientId !== clientId) return refuse("invalid_grant");
    if (!refreshing) {
      const verifier = parameters.get("code_verifier") ?? "";
      const hash = createHash("sha256").update(verifier).digest("base64url");
      if (hash !== grant.challenge) return refuse("invalid_grant");
      if (parameters.get("redirect_uri") !== grant.redirectUri) return refuse("invalid_grant");
    }
    return issue(grant);
  }

  async function handle(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/mcp":
        return await mcp(request);
      case "/.well-known/oauth-protected-resource/mcp":
        if (faults.noMetadata) break;
        return Response.json({
          resource: url,
          authorization_servers: [faults.authorizationServer ?? origin],
          scopes_supported: ["openid", "email"],
        });
      case "/.well-known/oauth-authorization-server":
        if (faults.noMetadata === true) break;
        return Response.json({
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
          registration_endpoint: `${origin}/register`,
          revocation_endpoint: `${origin}/revoke`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none"],
          authorization_response_iss_parameter_supported: true,
          ...faults.metadata,
        });
      case "/register": {
        counts.registrations++;
        const metadata = await request.json();
        registrations.push(metadata);
        const clientId = `client-${crypto.randomUUID()}`;
        clients.add(clientId);
        return Response.json({ ...metadata, client_id: clientId }, { status: 201 });
      }
      case "/authorize":
        // Browsers accept more than that.
        return authorize(searchParams, request.headers.get("accept") === "text/html");
      case "/token": {
        const answer = faults.tokenAnswers.shift();
        if (answer) return await answer();
        return exchange(new URLSearchParams(await request.text()));
      }
      case "/revoke": {
        const parameters = new URLSearchParams(await request.text());
        const authorization = request.headers.get("authorization");
        if (authorization !== null) parameters.set("authorization", authorization);
        revocationRequests.push(parameters);
        const answer = faults.revocationAnswers.shift();
        if (answer) return await answer();
        refreshTokens.delete(parameters.get("token") ?? "");
        return new Response(null, { status: 200 });
      }
    }
    return new Response("not here", { status: 404 });
  }

  return {
    url,
    faults,
    counts,
    authorizationRequests,
    revocationRequests,
    registrations,
    handle,
    fetch(input, init) {
      if (new URL(input).origin !== origin) {
        return Promise.reject(new TypeError("connection refused"));
      }
      return handle(new Request(input, init));
    },
    expireAccessTokens: () => accessTokens.clear(),
    revokeEverything() {
      accessTokens.clear();
      refreshTokens.clear();
      codes.clear();
    },
    forgetClients: () => clients.clear(),
  };
}
