/** Registered clients: what a registration holds, and who may act as a client. */

import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { OAuthError } from "../errors.ts";
import type { ClientRow, Store } from "../store/store.ts";
import { UNAPPROVED_CLIENT_LIFETIME } from "./lifetimes.ts";
import type { Parameters } from "./parameters.ts";
import { encodeBase64Url, type Random } from "./random.ts";
import type { ApplicationType } from "./redirect_uri.ts";
import { hashToken } from "./tokens.ts";

/** How a client proves who it is at `/token` and `/revoke` (RFC 7591 §2). */
export const AUTH_METHODS = ["none", "client_secret_post", "client_secret_basic"] as const;

/** Grant types of RFC 6749 that this server has. */
export const GRANT_TYPES = ["authorization_code", "refresh_token"] as const;

/** A client's metadata, as registered, answered, stored and enforced. */
export interface ClientMetadata {
  client_name?: string;
  client_uri?: string;
  redirect_uris: string[];
  grant_types: (typeof GRANT_TYPES)[number][];
  response_types: "code"[];
  token_endpoint_auth_method: (typeof AUTH_METHODS)[number];
  application_type: ApplicationType;
}

/** A client that may use this server. */
export interface Client {
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
  /** @throws {OAuthError} `invalid_client` for one that is unknown or has expired. */
  find(id: string): Promise<Client>;
  /**
   * Identifies the client of a request to `/token` or `/revoke` by the method it registered, and
   * by no other (RFC 6749 §2.3.1).
   *
   * @throws {OAuthError} `invalid_client`, status 401.
   */
  authenticate(request: Request, form: Parameters): Promise<Client>;
}

/** What {@link createClients} needs. */
export interface ClientsOptions {
  store: Store;
  now: () => number;
  random: Random;
}

/** Makes the registry of clients over a store. */
export function createClients({ store, now, random }: ClientsOptions): Clients {
  const find = async (id: string): Promise<Client> => {
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
    find,

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

    async authenticate(request, form) {
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
      const id = basic?.id ?? claimed ?? refuse("client_id is missing.");
      const secret = basic?.secret ?? form.get("client_secret");
      const client = await find(id);
      const method = client.metadata.token_endpoint_auth_method;
      const used = basic ? "client_secret_basic" : secret ? "client_secret_post" : "none";
      if (used !== method) {
        refuse(`This client registered token_endpoint_auth_method ${method}.`);
      }
      if (client.secretHash && !isSecret(secret ?? "", client.secretHash)) {
        refuse("The client secret is wrong.");
      }
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
  const [id = "", secret = ""] = Buffer.from(encoded, "base64").toString("utf8").split(":", 2)
    .map((part) => new URLSearchParams(`v=${part}`).get("v") ?? "");
  return { id, secret };
}
