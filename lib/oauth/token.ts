/** The token endpoint (RFC 6749 §3.2). */

import type { Config } from "../config.ts";
import { OAuthError, readErrorCode } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Client, Clients } from "./clients.ts";
import type { Grants } from "./grants.ts";
import { checkResource, type Parameters, readForm, readParameters } from "./parameters.ts";
import type { TokenResponse } from "./token_issue.ts";

/** What {@link createToken} needs. */
export interface TokenOptions {
  config: Pick<Config, "resource">;
  clients: Clients;
  grants: Grants;
  log: Log;
}

/**
 * Makes the handler of `POST /token`.
 *
 * @returns a handler that throws {@link OAuthError} and {@link UnavailableError}.
 */
export function createToken(
  { config, clients, grants, log }: TokenOptions,
): (request: Request, address: string) => Promise<Response> {
  return async (request, address) => {
    const form = await readForm(request);
    const parameters = readParameters(form);
    const grantType = parameters.require("grant_type");
    const client = await clients.authenticate(request, parameters, address);
    checkResource(form, config.resource);
    const tokens = await exchange(grantType, client, parameters, grants, log);
    return Response.json(tokens, { headers: { "cache-control": "no-store", pragma: "no-cache" } });
  };
}

async function exchange(
  grantType: string,
  client: Client,
  parameters: Parameters,
  grants: Grants,
  log: Log,
): Promise<TokenResponse> {
  if (grantType === "authorization_code") {
    const redirectUri = parameters.get("redirect_uri");
    return await grants.redeemCode({
      client,
      code: parameters.require("code"),
      codeVerifier: parameters.require("code_verifier"),
      ...(redirectUri !== undefined && { redirectUri }),
    });
  }
  if (grantType === "refresh_token") {
    const scope = parameters.get("scope");
    const refreshToken = parameters.require("refresh_token");
    try {
      return await grants.refresh({ client, refreshToken, ...(scope !== undefined && { scope }) });
    } catch (error) {
      log.debug("refresh_failed", { client_id: client.id, error: readErrorCode(error) });
      throw error;
    }
  }
  throw new OAuthError(
    "unsupported_grant_type",
    "grant_type must be authorization_code or refresh_token.",
  );
}
