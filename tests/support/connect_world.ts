/** A world whose WorkOS is a Connect application at a stranger's OpenID provider. */

import { decodeJwt, type JWTPayload } from "jose";
import { createScriptedBrowser } from "../../lib/demo/scripted_browser.ts";
import { type OidcProvider, type OidcProviderOptions, startOidcProvider } from "./oidc_provider.ts";
import { createWorld, SERVER, type World, type WorldOptions } from "./world.ts";

/** The Connect application, as it is registered at the provider. */
export const APPLICATION = {
  client_id: "client_connect",
  client_secret: "secret of the Connect application",
  redirect_uris: [`${SERVER}/auth/callback`],
  grant_types: ["authorization_code", "refresh_token"],
  token_endpoint_auth_method: "client_secret_post",
};

/** Lifetime of the provider's access tokens, in milliseconds, and a second more. */
export const RUN_OUT = 301_000;

/** Changes the claims, or the header, of a token before the server sees it. */
export interface Forgery {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  key?: CryptoKey | Uint8Array;
}

/** A world and its provider. */
export interface ConnectWorld extends World, AsyncDisposable {
  provider: OidcProvider;
  /** What happens to tokens on the way from the provider; null takes a token away. */
  forge: Partial<Record<"access_token" | "id_token" | "refresh_token", Forgery | string | null>>;
}

/**
 * Builds the world.
 *
 * @param env settings beside those of the Connect application.
 * @param options of the provider.
 * @param worldOptions of the world.
 */
export async function createConnectWorld(
  env: Record<string, string> = {},
  options: OidcProviderOptions = {},
  worldOptions: Pick<WorldOptions, "definition" | "wait"> = {},
): Promise<ConnectWorld> {
  const provider = await startOidcProvider({
    clients: [APPLICATION],
    ...options,
  });
  Object.assign(provider.claims, { sid: "app_consent_alice", org_id: "org_acme" });
  const world = await createWorld({
    ...worldOptions,
    env: {
      WORKOS_AUTHKIT_DOMAIN: provider.issuer,
      WORKOS_CLIENT_ID: APPLICATION.client_id,
      WORKOS_CLIENT_SECRET: APPLICATION.client_secret,
      ...env,
    },
  });
  // The provider's clock cannot be set.
  world.advance(Date.now() - world.now());
  const forge: ConnectWorld["forge"] = {};

  const forgeToken = async (token: string, { claims, header, key }: Forgery): Promise<string> => {
    const payload: JWTPayload = { ...decodeJwt(token), ...claims };
    return await provider.sign(payload, header, key);
  };

  world.faults.workos = async (request) => {
    if (!request.url.startsWith(provider.issuer)) return undefined;
    const response = await fetch(request);
    if (!request.url.endsWith("/token") || !response.ok) return response;
    const body = await response.json();
    for (const [name, forgery] of Object.entries(forge)) {
      if (forgery === null) delete body[name];
      else if (typeof forgery === "string") body[name] = forgery;
      else body[name] = await forgeToken(body[name], forgery);
    }
    return Response.json(body);
  };

  return {
    ...world,
    provider,
    forge,
    browser: () =>
      createScriptedBrowser({
        fetch: (request) =>
          request.url.startsWith(provider.issuer)
            ? fetch(request, { redirect: "manual" })
            : world.fetch(request),
        stopAt: (url) => ![SERVER, provider.issuer].includes(new URL(url).origin),
      }),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}
