/**
 * A stranger's OpenID provider in the place of an AuthKit domain: `oidc-provider`, on a port, with
 * resource indicators and signed access tokens as WorkOS describes its own.
 */

import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import type { Needs } from "./needs.ts";
import { createOidcStorage } from "./oidc_storage.ts";

/** What a test with a provider needs; the package looks into the environment. */
export const PROVIDER_NEEDS: Needs = { net: true, env: true, read: true, sys: true };

/** Audience of tokens that were asked for without a resource indicator that the provider knows. */
export const ENVIRONMENT = "client_environment";

/** A person who can sign in. */
interface Person {
  sub: string;
  email: string;
  email_verified: boolean;
  name: string;
  picture: string;
}

const ALICE: Person = {
  sub: "user_alice",
  email: "alice@acme.test",
  email_verified: true,
  name: "Alice Adams",
  picture: "https://pictures.test/alice.png",
};

/** What differs from test to test. */
export interface OidcProviderOptions {
  /** Clients registered beforehand, such as a Connect application. */
  clients?: Record<string, unknown>[];
  /** Resource indicators in its configuration. */
  resources?: string[];
  /** Whether a refresh token works once; it does unless told. */
  rotates?: boolean;
}

/** A provider that listens. */
export interface OidcProvider {
  issuer: string;
  /** Claims added to access tokens. */
  claims: Record<string, unknown>;
  /** Answers instead of the provider when it returns something. */
  faults: { answer?: ((path: string) => Response | Promise<Response> | undefined) | undefined };
  /** Paths that were asked for, as `POST /token`. */
  calls: string[];
  /**
   * Changes the key; tokens signed with the one before are not good any more, unless it stays
   * published.
   */
  rotateKey(options?: { keep: boolean }): Promise<void>;
  /** Signs a token with the provider's own key, or another one. */
  sign(
    claims: JWTPayload,
    header?: Record<string, unknown>,
    key?: CryptoKey | Uint8Array,
  ): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The members of the package that are used; it comes without types. */
interface Provider {
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  interactionDetails(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ params: Record<string, string> }>;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: Record<string, unknown>,
  ): Promise<void>;
  Grant: new (grant: Record<string, unknown>) => {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  };
}

type ProviderClass = new (issuer: string, configuration: Record<string, unknown>) => Provider;

/** Seconds, as at WorkOS. */
const ACCESS_TOKEN_TTL = 300;

/** An extension of the header that tokens may call critical, and nobody else has heard of. */
const UNHEARD_OF = { unheard_of: true };

const LOGIN_PAGE = `<h1>Sign in</h1><form method="post"><button name="email">Sign in</button>` +
  `<button name="refuse" value="yes">Refuse</button></form>`;

/** Starts a provider on a free port. */
export async function startOidcProvider(options: OidcProviderOptions = {}): Promise<OidcProvider> {
  const { clients = [], resources = [] } = options;
  const Provider = await loadPackage();
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  // Not localhost, where somebody else may have the same port of IPv6.
  const issuer = `http://127.0.0.1:${port}`;
  const faults: OidcProvider["faults"] = {};
  const calls: string[] = [];
  const claims: Record<string, unknown> = {};
  let key = await createKey();
  let published = [key.jwk];
  const adapter = createOidcStorage(new Map());
  let provider = open();

  function open(): Provider {
    return new Provider(issuer, {
      adapter,
      clients,
      jwks: { keys: published },
      cookies: { keys: ["for tests"] },
      claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "picture"] },
      conformIdTokenClaims: false,
      clientDefaults: { id_token_signed_response_alg: "RS256" },
      scopes: ["openid", "offline_access"],
      extraTokenClaims: () => claims,
      findAccount: (_context: unknown, sub: string) => ({
        accountId: sub,
        claims: () => ({ ...ALICE, sub }),
      }),
      interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      issueRefreshToken: () => true,
      rotateRefreshToken: () => options.rotates ?? true,
      ttl: {
        AccessToken: ACCESS_TOKEN_TTL,
        Grant: 3600,
        IdToken: ACCESS_TOKEN_TTL,
        Interaction: 600,
        RefreshToken: 3600,
        Session: 3600,
      },
      features: {
        devInteractions: { enabled: false },
        // Shorter than its own, which look like secrets in the log.
        registration: {
          enabled: true,
          idFactory: () => `client_${randomBytes(12).toString("hex")}`,
        },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => "urn:environment",
          useGrantedResource: () => true,
          getResourceServerInfo: (_context: unknown, indicator: string) => ({
            scope: "openid profile email offline_access",
            audience: resources.includes(indicator) ? indicator : ENVIRONMENT,
            accessTokenTTL: ACCESS_TOKEN_TTL,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
    });
  }

  /** One page; who presses its first button has signed in and allowed everything. */
  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "GET") {
      response.setHeader("content-type", "text/html");
      response.end(LOGIN_PAGE);
      return;
    }
    const body = new URLSearchParams(await readText(request));
    if (body.has("refuse")) {
      await provider.interactionFinished(request, response, { error: "access_denied" });
      return;
    }
    const { params } = await provider.interactionDetails(request, response);
    const { client_id: clientId, scope = "", resource = "urn:environment" } = params;
    const grant = new provider.Grant({ accountId: ALICE.sub, clientId });
    grant.addOIDCScope(scope);
    grant.addResourceScope(resource, scope);
    await provider.interactionFinished(request, response, {
      login: { accountId: ALICE.sub },
      consent: { grantId: await grant.save() },
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split("?")[0] ?? "";
    calls.push(`${request.method} ${path}`);
    const fault = await faults.answer?.(path);
    if (fault) {
      response.writeHead(fault.status, Object.fromEntries(fault.headers));
      response.end(await fault.text());
    } else if (path.startsWith("/interaction/")) await interact(request, response);
    else provider.callback()(request, response);
  }

  return {
    issuer,
    claims,
    faults,
    calls,
    async rotateKey({ keep } = { keep: false }) {
      key = await createKey();
      published = keep ? [key.jwk, ...published] : [key.jwk];
      provider = open();
    },
    sign: (payload, header = {}, signer = key.privateKey) =>
      new SignJWT({ iss: issuer, ...payload })
        .setProtectedHeader({ alg: "RS256", kid: key.jwk.kid ?? "", ...header })
        .sign(signer, { crit: UNHEARD_OF }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

async function createKey(): Promise<{ jwk: JWK; privateKey: CryptoKey }> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = {
    ...await exportJWK(privateKey),
    alg: "RS256",
    use: "sig",
    kid: crypto.randomUUID(),
  };
  return { jwk, privateKey };
}

/**
 * Loaded only where it is used. It warns on the console that it was made for Node.js alone, which is
 * known here; all else that it warns of is let through.
 */
async function loadPackage(): Promise<ProviderClass> {
  const { warn } = console;
  console.warn = (...given) => {
    if (!/Unsupported runtime/.test(String(given[0]))) warn(...given);
  };
  try {
    const { Provider } = await import("oidc-provider");
    return Provider;
  } finally {
    console.warn = warn;
  }
}
