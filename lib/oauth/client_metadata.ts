/** Client metadata (RFC 7591 §2), from a registration or from a client's own document. */

import type { JSONWebKeySet } from "jose";
import * as z from "zod";
import { OAuthError } from "../errors.ts";
import {
  type ApplicationType,
  assertRedirectUri,
  isLocalRedirect,
  isPrivateUseRedirect,
} from "./redirect_uri.ts";

/** How a registered client may prove who it is at `/token` and `/revoke` (RFC 7591 §2). */
export const REGISTERED_AUTH_METHODS = [
  "none",
  "client_secret_post",
  "client_secret_basic",
] as const;

/** How a client with a document may: what everybody can read holds no secret (draft §4.1). */
export const DOCUMENT_AUTH_METHODS = ["none", "private_key_jwt"] as const;

/** Every method of `/token` and `/revoke`. */
export const AUTH_METHODS = [...REGISTERED_AUTH_METHODS, "private_key_jwt"] as const;

/** One of {@link AUTH_METHODS}. */
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** Grant types of RFC 6749 that this server has. */
export const GRANT_TYPES = ["authorization_code", "refresh_token"] as const;

/** A client's metadata, as stated, answered, stored and enforced. */
export interface ClientMetadata {
  client_name?: string;
  client_uri?: string;
  redirect_uris: string[];
  grant_types: (typeof GRANT_TYPES)[number][];
  response_types: "code"[];
  token_endpoint_auth_method: AuthMethod;
  application_type: ApplicationType;
  /** Public keys for `private_key_jwt`, or where they are; one of both. */
  jwks?: JSONWebKeySet;
  jwks_uri?: string;
}

const MAX_REDIRECT_URIS = 20;

/** Of what is stored of a registration, in characters of JSON: anybody may make one. */
const MAX_METADATA = 8 * 1024;

/** Only what this server uses is kept; metadata may hold any more (RFC 7591 §2). */
const METADATA = z.object({
  client_name: z.string().max(200).optional(),
  client_uri: z.url({ protocol: /^https?$/ }).max(2048).optional().catch(undefined),
  redirect_uris: z.array(z.string()).min(1).max(MAX_REDIRECT_URIS),
  grant_types: z.array(z.string()).max(10).optional(),
  response_types: z.array(z.string()).max(10).optional(),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).optional(),
  application_type: z.enum(["native", "web"]).optional(),
});

/**
 * Reads metadata, whoever states it. Members that this server does not use are dropped.
 *
 * @param body parsed JSON.
 * @param methods values of `token_endpoint_auth_method` that are accepted; `none` is the default.
 * @throws {OAuthError} `invalid_client_metadata` or `invalid_redirect_uri`.
 */
export function readClientMetadata(
  body: unknown,
  methods: readonly AuthMethod[],
): ClientMetadata {
  const result = METADATA.safeParse(body);
  if (!result.success) {
    const [issue] = result.error.issues;
    const member = issue?.path[0] ?? "The metadata";
    if (member === "redirect_uris") {
      throw new OAuthError(
        "invalid_redirect_uri",
        `redirect_uris must be a list of 1 to ${MAX_REDIRECT_URIS} URIs.`,
      );
    }
    throw new OAuthError("invalid_client_metadata", `${String(member)} is not valid.`);
  }
  const { client_name, client_uri, redirect_uris, application_type, ...rest } = result.data;
  const method = rest.token_endpoint_auth_method ?? "none";
  if (!methods.includes(method)) {
    throw new OAuthError(
      "invalid_client_metadata",
      `token_endpoint_auth_method must be one of ${methods.join(", ")}.`,
    );
  }
  const type = application_type ?? inferApplicationType(redirect_uris);
  for (const uri of redirect_uris) assertRedirectUri(uri, type);
  const name = client_name === undefined ? undefined : cleanName(client_name);
  const metadata: ClientMetadata = {
    ...(name && { client_name: name }),
    ...(client_uri && { client_uri }),
    redirect_uris,
    grant_types: selectGrantTypes(rest.grant_types),
    response_types: selectResponseTypes(rest.response_types),
    token_endpoint_auth_method: method,
    application_type: type,
  };
  if (JSON.stringify(metadata).length > MAX_METADATA) {
    throw new OAuthError(
      "invalid_client_metadata",
      `The metadata is longer than ${MAX_METADATA} characters.`,
    );
  }
  return metadata;
}

/**
 * Clients of the 2025 revisions send no `application_type`. The default of OpenID Connect, `web`,
 * would turn every desktop app away.
 */
function inferApplicationType(redirectUris: readonly string[]): ApplicationType {
  return redirectUris.some((uri) => isLocalRedirect(uri) || isPrivateUseRedirect(uri))
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

/**
 * Takes out control and direction characters, with which a name could pose as another, and halves
 * of characters (lone surrogates), which no page can show.
 */
function cleanName(name: string): string {
  return name.normalize("NFC").replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, "")
    .trim();
}
