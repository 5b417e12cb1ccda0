/** Clients, registered or with a document of their own, and who may act as one. */

import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { Config } from "../config.ts";
import { OAuthError, UnavailableError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { ClientRow, Store } from "../store/store.ts";
import { createClientAssertions, JWT_BEARER, readAssertionSubject } from "./client_assertion.ts";
import type { ClientMetadata } from "./client_metadata.ts";
import { createMetadataDocuments, isDocumentUrl } from "./client_metadata_document.ts";
import { UNAPPROVED_CLIENT_LIFETIME } from "./lifetimes.ts";
import type { Parameters } from "./parameters.ts";
import { encodeBase64Url, type Random } from "./random.ts";
import type { FetchDocument } from "./safe_fetch.ts";
import { hashToken } from "./tokens.ts";

/** A client that may use this server. */
export interface Client {
  /** What this server gave it, or the URL of its metadata document. */
  id: string;
  metadata: ClientMetadata;
  /** SHA-256 of its secret; absent for a public client. */
  secretHash?: string;
}

/** The registry of clients. */
export interface Clients {
  /** Stores a registration; the secret is told once and kept as a hash. */
  register(
    metadata: ClientMetadata,
  ): Promise<{ client: Client; secret?: string; issuedAt: number }>;
  /**
   * Finds a client for the person who is about to see it named.
   *
   * @param address where the request came from; fetching documents for it has a limit.
   * @throws {OAuthError} `invalid_client` for one that is unknown or has expired, or whose document
   *   is not acceptable or cannot be had.
   */
  find(id: string, address: string): Promise<Client>;
  /**
   * Identifies the client of a request to `/token` or `/revoke` by the method it registered, and
   * by no other (RFC 6749 §2.3.1).
   *
   * @throws {OAuthError} `invalid_client`, status 401.
   * @throws {UnavailableError} when its document or keys cannot be had now: that ends no grant.
   */
  authenticate(request: Request, form: Parameters, address: string): Promise<Client>;
}

/** What {@link createClients} needs. */
export interface ClientsOptions {
  config: Pick<Config, "baseUrl" | "allowLoopbackClientMetadata">;
  store: Store;
  fetchDocument: FetchDocument;
  log: Log;
  now: () => number;
  random: Random;
}

/** Makes the registry of clients over a store. */
export function createClients(options: ClientsOptions): Clients {
  const { store, log, now, random } = options;
  const documents = createMetadataDocuments(options);
  const assertions = createClientAssertions(options);

  const load = async (id: string, address: string): Promise<Client> => {
    if (isDocumentUrl(id)) return await documents.find(id, address);
    const row = await store.findClient(id, now());
    if (!row) {
      throw new OAuthError(
        "invalid_client",
        "This client is not registered here, or its registration has expired. Register again.",
        401,
      );
    }
    return readClient(row);
  };

  return {
    async find(id, address) {
      try {
        return await load(id, address);
      } catch (error) {
        if (
          !(error instanceof UnavailableError) || error.code !== "client_metadata_unavailable"
        ) throw error;
        log.info(error.code, {
          client_id: id,
          message: error.message,
          cause: String(error.cause ?? ""),
        });
        throw new OAuthError(
          "invalid_client",
          `The client metadata document cannot be had: ${error.message}`,
        );
      }
    },

    async register(metadata) {
      const id = `wmcp_client_${encodeBase64Url(random(18))}`;
      const issuedAt = now();
      const secret = metadata.token_endpoint_auth_method === "none"
        ? undefined
        : `wmcp_cs_${encodeBase64Url(random(32))}`;
      const secretHash = secret === undefined ? null : hashToken(secret);
      await store.insertClient({
        id,
        metadata: JSON.stringify(metadata),
        secretHash,
        createdAt: issuedAt,
        expiresAt: issuedAt + UNAPPROVED_CLIENT_LIFETIME,
      });
      return {
        client: { id, metadata, ...(secretHash && { secretHash }) },
        ...(secret && { secret }),
        issuedAt,
      };
    },

    async authenticate(request, form, address) {
      const basic = readBasicCredentials(request);
      const claimed = form.get("client_id");
      const refuse = (message: string): never => {
        throw new OAuthError("invalid_client", message, 401);
      };
      if (basic && claimed !== undefined && claimed !== basic.id) {
        refuse("client_id differs between the Authorization header and the body.");
      }
      if (basic && form.get("client_secret") !== undefined) {
        refuse("Send the client secret in one place only.");
      }
      const secret = basic?.secret ?? form.get("client_secret");
      const assertion = form.get("client_assertion");
      if (assertion !== undefined && secret !== undefined) {
        refuse("Authenticate the client in one way only.");
      }
      if (assertion !== undefined && form.get("client_assertion_type") !== JWT_BEARER) {
        refuse(`client_assertion_type must be ${JWT_BEARER}.`);
      }
      const id = basic?.id ?? claimed ?? (assertion && readAssertionSubject(assertion)) ??
        form.require("client_id");
      const client = await load(id, address);
      const method = client.metadata.token_endpoint_auth_method;
      const used = assertion !== undefined
        ? "private_key_jwt"
        : basic
        ? "client_secret_basic"
        : secret
        ? "client_secret_post"
        : "none";
      if (used !== method) {
        refuse(`This client registered token_endpoint_auth_method ${method}.`);
      }
      if (client.secretHash && !isSecret(secret ?? "", client.secretHash)) {
        refuse("The client secret is wrong.");
      }
      if (assertion !== undefined) await assertions.verify(assertion, client);
      return client;
    },
  };
}

function readClient(row: ClientRow): Client {
  const metadata: ClientMetadata = JSON.parse(row.metadata);
  return { id: row.id, metadata, ...(row.secretHash && { secretHash: row.secretHash }) };
}

function isSecret(secret: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(secret)), Buffer.from(hash));
}

/** RFC 6749 §2.3.1: id and secret are form-encoded, then joined and encoded as RFC 7617 says. */
function readBasicCredentials(request: Request): { id: string; secret: string } | undefined {
  const encoded = /^basic +([\w+/=-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const [id = "", ...secret] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  const decode = (part: string) => new URLSearchParams(`v=${part}`).get("v") ?? "";
  return { id: decode(id), secret: decode(secret.join(":")) };
}
