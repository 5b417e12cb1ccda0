/** Dynamic client registration (RFC 7591; MCP 2026-07-28, AS-26). */

import * as z from "zod";
import { OAuthError } from "../errors.ts";
import type { Log } from "../log.ts";
import { AUTH_METHODS, type ClientMetadata, type Clients, GRANT_TYPES } from "./clients.ts";
import {
  type ApplicationType,
  assertRedirectUri,
  isLoopbackRedirect,
  isPrivateUseRedirect,
} from "./redirect_uri.ts";

const MAX_REDIRECT_URIS = 20;

/** Only what this server uses is kept; a registration may hold any more (RFC 7591 §2). */
const REGISTRATION = z.object({
  client_name: z.string().max(200).optional(),
  client_uri: z.url({ protocol: /^https?$/ }).max(2048).optional().catch(undefined),
  redirect_uris: z.array(z.string()).min(1).max(MAX_REDIRECT_URIS),
  grant_types: z.array(z.string()).max(10).optional(),
  response_types: z.array(z.string()).max(10).optional(),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).optional(),
  application_type: z.enum(["native", "web"]).optional(),
});

/** What {@link createRegister} needs. */
export interface RegisterOptions {
  clients: Clients;
  log: Log;
}

/**
 * Makes the handler of `POST /register`.
 *
 * @returns a handler that throws {@link OAuthError} `invalid_client_metadata` or
 *   `invalid_redirect_uri`.
 */
export function createRegister(
  { clients, log }: RegisterOptions,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const metadata = readMetadata(await readJson(request));
    const { client, secret, issuedAt } = await clients.register(metadata);
    log.info("client_registered", {
      client_id: client.id,
      client_name: metadata.client_name,
      redirect_uris: metadata.redirect_uris.join(" "),
    });
    return Response.json({
      client_id: client.id,
      client_id_issued_at: Math.floor(issuedAt / 1000),
      ...(secret && { client_secret: secret, client_secret_expires_at: 0 }),
      ...metadata,
    }, { status: 201, headers: { "cache-control": "no-store" } });
  };
}

async function readJson(request: Request): Promise<unknown> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new OAuthError("invalid_client_metadata", "Send the registration as application/json.");
  }
  try {
    return await request.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new OAuthError("invalid_client_metadata", "The registration is not valid JSON.");
  }
}

function readMetadata(body: unknown): ClientMetadata {
  const result = REGISTRATION.safeParse(body);
  if (!result.success) {
    const [issue] = result.error.issues;
    const member = issue?.path[0] ?? "The registration";
    if (member === "redirect_uris") {
      throw new OAuthError(
        "invalid_redirect_uri",
        `redirect_uris must be a list of 1 to ${MAX_REDIRECT_URIS} URIs.`,
      );
    }
    throw new OAuthError("invalid_client_metadata", `${String(member)} is not valid.`);
  }
  const { client_name, client_uri, redirect_uris, application_type, ...rest } = result.data;
  const type = application_type ?? inferApplicationType(redirect_uris);
  for (const uri of redirect_uris) assertRedirectUri(uri, type);
  const name = client_name === undefined ? undefined : cleanName(client_name);
  return {
    ...(name && { client_name: name }),
    ...(client_uri && { client_uri }),
    redirect_uris,
    grant_types: selectGrantTypes(rest.grant_types),
    response_types: selectResponseTypes(rest.response_types),
    token_endpoint_auth_method: rest.token_endpoint_auth_method ?? "none",
    application_type: type,
  };
}

/**
 * Clients of the 2025 revisions send no `application_type`. The default of OpenID Connect, `web`,
 * would turn every desktop app away.
 */
function inferApplicationType(redirectUris: readonly string[]): ApplicationType {
  return redirectUris.some((uri) => isLoopbackRedirect(uri) || isPrivateUseRedirect(uri))
    ? "native"
    : "web";
}

/** Refresh tokens unless the client says it wants none: nobody likes to sign in every hour. */
function selectGrantTypes(requested: readonly string[] | undefined): ClientMetadata["grant_types"] {
  if (requested === undefined || requested.length === 0) return [...GRANT_TYPES];
  if (!requested.includes("authorization_code")) {
    throw new OAuthError("invalid_client_metadata", "grant_types must have authorization_code.");
  }
  return GRANT_TYPES.filter((type) => requested.includes(type));
}

function selectResponseTypes(requested: readonly string[] | undefined): "code"[] {
  if (requested && requested.length > 0 && !requested.includes("code")) {
    throw new OAuthError("invalid_client_metadata", "response_types must have code.");
  }
  return ["code"];
}

/** Takes out control and direction characters, with which a name could pose as another. */
function cleanName(name: string): string {
  return name.normalize("NFC").replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, "").trim();
}
