/** Dynamic client registration (RFC 7591; MCP 2026-07-28, AS-26). */

import { OAuthError } from "../errors.ts";
import type { Log } from "../log.ts";
import { readMediaType } from "../media_type.ts";
import { MAX_FORM, readBody } from "../request_body.ts";
import { readClientMetadata, REGISTERED_AUTH_METHODS } from "./client_metadata.ts";
import type { Clients } from "./clients.ts";

/** What {@link createRegister} needs. */
export interface RegisterOptions {
  clients: Clients;
  log: Log;
}

/** What anybody can have written into the log, in characters. */
const MAX_LOGGED = 500;

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
    const metadata = readClientMetadata(await readJson(request), REGISTERED_AUTH_METHODS);
    const { client, secret, issuedAt } = await clients.register(metadata);
    log.info("client_registered", {
      client_id: client.id,
      client_name: metadata.client_name,
      redirect_uris: metadata.redirect_uris.join(" ").slice(0, MAX_LOGGED),
    });
    // The secret itself never expires. The registration does, unless people go on using it, but
    // when cannot be said in advance; a client would discard one that works. It learns of the end
    // by `invalid_client`.
    return Response.json({
      client_id: client.id,
      client_id_issued_at: Math.floor(issuedAt / 1000),
      ...(secret && { client_secret: secret, client_secret_expires_at: 0 }),
      ...metadata,
    }, { status: 201, headers: { "cache-control": "no-store" } });
  };
}

async function readJson(request: Request): Promise<unknown> {
  if (readMediaType(request.headers) !== "application/json") {
    throw new OAuthError("invalid_client_metadata", "Send the registration as application/json.");
  }
  try {
    return JSON.parse(await readBody(request, MAX_FORM));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new OAuthError("invalid_client_metadata", "The registration is not valid JSON.");
  }
}
