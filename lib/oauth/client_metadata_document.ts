/**
 * Clients that are a URL: their metadata is the document found there (MCP 2026-07-28, AS-4 to AS-7,
 * AS-13, AS-21; draft-ietf-oauth-client-id-metadata-document-00, with what later drafts forbid).
 * They become the same {@link Client} as registered ones, so every check is made once for both.
 */

import type { JSONWebKeySet } from "jose";
import * as z from "zod";
import type { Config } from "../config.ts";
import { OAuthError } from "../errors.ts";
import type { Log } from "../log.ts";
import {
  type ClientMetadata,
  DOCUMENT_AUTH_METHODS,
  readClientMetadata,
} from "./client_metadata.ts";
import type { Client } from "./clients.ts";
import { createDocumentCache } from "./document_cache.ts";
import { type FetchDocument, isLoopbackDocument } from "./safe_fetch.ts";

/** Draft §6.6. */
const MAX_BYTES = 5 * 1024;
const MAX_URL_LENGTH = 2048;
const MAX_KEYS = 20;

/** Members of a JWK that only its owner may have (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const publicKey = z.looseObject({ kty: z.string() }).refine(
  (key) => PRIVATE_MEMBERS.every((member) => !(member in key)),
);

/** A JWK Set without private keys (RFC 7517 §5). */
export const PUBLIC_KEYS: z.ZodType<JSONWebKeySet> = z.object({
  keys: z.array(publicKey).min(1).max(MAX_KEYS),
});

const SHARED_SECRET = "is a secret, and everybody can read this document";

/** What a document must and must not say beyond what a registration says (draft §4.1). */
const DOCUMENT = z.object({
  client_id: z.string("is missing"),
  client_name: z.string("is missing").min(1, "is empty"),
  redirect_uris: z.unknown().refine((uris) => uris !== undefined, "is missing"),
  client_secret: z.never(SHARED_SECRET).optional(),
  client_secret_expires_at: z.never(SHARED_SECRET).optional(),
  jwks: PUBLIC_KEYS.optional(),
  jwks_uri: z.string("is not a URL").optional(),
});

/** What {@link createMetadataDocuments} needs. */
export interface MetadataDocumentsOptions {
  config: Pick<Config, "allowLoopbackClientMetadata">;
  fetchDocument: FetchDocument;
  log: Log;
  now: () => number;
}

/** Clients by the URL of their document. */
export interface MetadataDocuments {
  /**
   * @param id a client id that {@link isDocumentUrl}.
   * @param caller address of whoever names it.
   * @throws {OAuthError} `invalid_client` for a URL or a document that is not acceptable.
   * @throws {UnavailableError} when the document cannot be had now.
   */
  find(id: string, caller: string): Promise<Client>;
}

/** Whether a client id names a document. Ids of registered clients never look like a URL. */
export function isDocumentUrl(id: string): boolean {
  return /^https?:/i.test(id);
}

/**
 * Checks where a client keeps a document, on the text as it came (draft §3). It has to be written
 * the way a URL parser writes it, which rules out dot segments (`%2e` too), upper case in the host,
 * other forms of an address, blanks and default ports at once: two spellings would be two clients
 * on one consent. A query is allowed, since the draft only advises clients against it. A bare
 * address is not: it would tell nobody on the consent page who is asking.
 *
 * @param name what it is, to begin a message with.
 * @param allowLoopback see {@link isLoopbackDocument}.
 * @throws {OAuthError} `invalid_client`.
 */
export function readDocumentUrl(name: string, text: string, allowLoopback: boolean): URL {
  const refuse = (problem: string): never => {
    throw new OAuthError("invalid_client", `${name} ${problem}.`, 401);
  };
  if (text.length > MAX_URL_LENGTH) refuse(`has more than ${MAX_URL_LENGTH} characters`);
  const url = URL.parse(text) ?? refuse("is not a URL");
  if (url.username || url.password) refuse("has user info");
  if (text.includes("#")) refuse("has a fragment");
  if (url.href !== text) refuse("is not in its plain form, without dot segments");
  if (url.pathname === "/") refuse("has no path");
  if (allowLoopback && isLoopbackDocument(url)) return url;
  if (url.protocol !== "https:") refuse("is not https");
  if (/^[\d.]+$|^\[|\.$/.test(url.hostname)) refuse("has an address or a trailing dot as host");
  return url;
}

/** Makes the reader of metadata documents. */
export function createMetadataDocuments(
  { config, fetchDocument, log, now }: MetadataDocumentsOptions,
): MetadataDocuments {
  const { allowLoopbackClientMetadata: allowLoopback } = config;
  const documents = createDocumentCache({
    fetchDocument,
    name: "The client metadata document",
    maxBytes: MAX_BYTES,
    now,
    read: ({ href }, json) => {
      const metadata = readDocument(href, json, allowLoopback);
      log.info("client_metadata_loaded", {
        client_id: href,
        client_name: metadata.client_name,
        redirect_uris: metadata.redirect_uris.join(" "),
      });
      return { id: href, metadata };
    },
  });
  return {
    find: async (id, caller) =>
      await documents.get(readDocumentUrl("client_id", id, allowLoopback), { caller }),
  };
}

function readDocument(url: string, json: unknown, allowLoopback: boolean): ClientMetadata {
  const refuse = (problem: string): never => {
    throw new OAuthError("invalid_client", `The client metadata document: ${problem}`, 401);
  };
  const result = DOCUMENT.safeParse(json);
  if (!result.success) {
    const [issue] = result.error.issues;
    const member = String(issue?.path[0] ?? "It");
    return refuse(
      member === "jwks"
        ? "jwks is not a set of public keys."
        : `${member} ${member === "It" ? "is not an object" : issue?.message}.`,
    );
  }
  const { client_id: id, jwks, jwks_uri: jwksUri } = result.data;
  // A simple string comparison, or one document could speak for another (AS-4).
  if (id !== url) refuse("its client_id is not the URL it was fetched from.");
  const metadata = readCommon(json, refuse);
  if (!metadata.client_name) refuse("client_name is empty.");
  if (metadata.token_endpoint_auth_method === "none") return metadata;
  if ((jwks === undefined) === (jwksUri === undefined)) {
    refuse("private_key_jwt needs either jwks or jwks_uri.");
  }
  if (jwksUri !== undefined) readDocumentUrl("jwks_uri", jwksUri, allowLoopback);
  return { ...metadata, ...(jwks && { jwks }), ...(jwksUri && { jwks_uri: jwksUri }) };
}

/** The rules of a registration (AS-5, AS-10); what they refuse is a bad client here. */
function readCommon(json: unknown, refuse: (problem: string) => never): ClientMetadata {
  try {
    return readClientMetadata(json, DOCUMENT_AUTH_METHODS);
  } catch (error) {
    if (error instanceof OAuthError) return refuse(error.message);
    throw error;
  }
}
