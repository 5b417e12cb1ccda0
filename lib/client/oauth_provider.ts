/** The SDK's view of one sign-in: `auth()` asks it for everything on the way to the browser. */

import type {
  OAuthClientInformationContext,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from "@modelcontextprotocol/client";
import { CommandError, ExitCode } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { checkAuthorizationServer, issuerOf } from "./discovery.ts";
import { findNamedClient } from "./known_client.ts";
import { sanitizeLine } from "./sanitize.ts";
import { withRegistration, withTokens } from "./server_record.ts";
import { checkNamedUrl } from "./server_url.ts";
import { updateRecord } from "./token_cache.ts";

/** Name under which this client registers and which consent pages show. */
export const CLIENT_NAME = "WorkOS MCP client";

/** How to authenticate at a token endpoint, the first supported one: a client like this has no secret. */
const AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post"];

/** What is fixed before a sign-in begins. */
export interface SignInAttempt {
  discovery: OAuthDiscoveryState;
  redirectUrl: string;
  /** Comes back with the answer (CL-36). */
  state: string;
}

/**
 * One attempt to sign in. Verifier, state and the authorization server they were sent to live and
 * end with it, in memory (CL-5): an abandoned sign-in leaves nothing behind but its registration.
 */
export class SignInProvider implements OAuthClientProvider {
  declare clientMetadataUrl?: string;
  #context: ClientContext;
  #attempt: SignInAttempt;
  #discovery: OAuthDiscoveryState;
  #codeVerifier: string | undefined;
  #authorizationUrl: URL | undefined;
  #mustRegister = false;
  #hasRegistered = false;

  constructor(context: ClientContext, attempt: SignInAttempt) {
    this.#context = context;
    this.#attempt = attempt;
    this.#discovery = attempt.discovery;
    if (context.settings.clientMetadataUrl !== undefined) {
      this.clientMetadataUrl = context.settings.clientMetadataUrl;
    }
  }

  get redirectUrl(): string {
    return this.#attempt.redirectUrl;
  }

  /** Where the person has to go; known once `auth()` has answered `REDIRECT`. */
  get authorizationUrl(): URL {
    if (!this.#authorizationUrl) throw new TypeError("The sign-in has not been prepared yet.");
    return this.#authorizationUrl;
  }

  get clientMetadata(): OAuthClientMetadata {
    const supported = this.#discovery.authorizationServerMetadata
      ?.token_endpoint_auth_methods_supported;
    return {
      client_name: CLIENT_NAME,
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      application_type: "native",
      token_endpoint_auth_method:
        AUTH_METHODS.find((method) => supported?.includes(method) ?? true) ?? "none",
    };
  }

  state(): string {
    return this.#attempt.state;
  }

  discoveryState(): OAuthDiscoveryState {
    return this.#discovery;
  }

  saveDiscoveryState(discovery: OAuthDiscoveryState): void {
    checkAuthorizationServer(this.#context, discovery);
    this.#discovery = discovery;
  }

  /**
   * @throws {CommandError} `authorization_server_changed` if the user's own client was first used
   *   with another authorization server: whoever runs the MCP server could collect its secret;
   *   `registration_unsupported` if there is no client and no way to become one.
   */
  async clientInformation(
    ctx?: OAuthClientInformationContext,
  ): Promise<StoredOAuthClientInformation | undefined> {
    const client = await this.#findClient(ctx);
    const metadata = this.#discovery.authorizationServerMetadata;
    const byDocument = this.clientMetadataUrl !== undefined && this.#takesMetadataDocuments();
    if (!client && metadata && !metadata.registration_endpoint && !byDocument) {
      throw new CommandError(
        "registration_unsupported",
        `${
          sanitizeLine(metadata.issuer)
        } does not let clients register themselves. Register one there and name it with --client-id` +
          (metadata.client_id_metadata_document_supported
            ? ", or name a metadata document with --client-metadata-url."
            : "."),
        ExitCode.notAuthorized,
      );
    }
    return client;
  }

  async #findClient(
    ctx: OAuthClientInformationContext | undefined,
  ): Promise<StoredOAuthClientInformation | undefined> {
    const { cache, serverUrl, settings, now } = this.#context;
    const issuer = ctx?.issuer ?? issuerOf(this.#discovery);
    const record = await cache.read(serverUrl.href);
    const named = findNamedClient(this.#context, record, issuer);
    if (named) {
      if (named.issuer === issuer) return named;
      throw new CommandError(
        "authorization_server_changed",
        `${serverUrl.href} now sends its users to ${
          sanitizeLine(issuer)
        }, but your client belongs to ${
          sanitizeLine(named.issuer)
        }. If that is right, register a client there and name that one with --client-id.`,
        ExitCode.notAuthorized,
      );
    }
    const registration = record?.issuers[issuer]?.registration;
    if (!registration || (this.#mustRegister && !this.#hasRegistered)) return undefined;
    const { client } = registration;
    const { clientMetadataUrl } = settings;
    if (clientMetadataUrl !== undefined && this.#takesMetadataDocuments()) {
      return client.client_id === clientMetadataUrl ? client : undefined;
    }
    // A secret that has run out would fail only after the person has signed in.
    const secretEnds = "client_secret_expires_at" in client && client.client_secret_expires_at || 0;
    if (secretEnds > 0 && secretEnds * 1000 <= now()) return undefined;
    return this.#isRegistered(registration.redirect_uri) ? client : undefined;
  }

  /** Whether the user named a metadata document that this authorization server does not read. */
  ignoresMetadataDocument(): boolean {
    return this.clientMetadataUrl !== undefined && !this.#takesMetadataDocuments();
  }

  /** Whether this sign-in uses a registration of an earlier one, which could be made anew. */
  async usesKeptRegistration(): Promise<boolean> {
    if (this.#hasRegistered) return false;
    const { cache, serverUrl, settings } = this.#context;
    const issuer = issuerOf(this.#discovery);
    const registration = (await cache.read(serverUrl.href))?.issuers[issuer]?.registration;
    const client = await this.clientInformation({ issuer });
    // What the user has registered, or says in a metadata document, cannot be registered anew.
    return client !== undefined && client.client_id === registration?.client.client_id &&
      client.client_id !== settings.clientMetadataUrl &&
      client.client_id !== settings.clientId;
  }

  /** Gives up a registration of an earlier sign-in, which the authorization server refuses. */
  registerAnew(): void {
    this.#mustRegister = true;
  }

  async saveClientInformation(
    client: StoredOAuthClientInformation,
    ctx?: OAuthClientInformationContext,
  ): Promise<void> {
    const { cache, serverUrl, onStep } = this.#context;
    const registration = { client, redirect_uri: this.redirectUrl };
    await updateRecord(
      cache,
      serverUrl.href,
      (record) => withRegistration(record, this.#issuer(ctx), registration),
    );
    this.#hasRegistered = true;
    onStep({ name: "registered", text: `Registered as ${sanitizeLine(client.client_id)}.` });
  }

  async tokens(ctx?: OAuthClientInformationContext): Promise<StoredOAuthTokens | undefined> {
    const { cache, serverUrl } = this.#context;
    return (await cache.read(serverUrl.href))?.issuers[this.#issuer(ctx)]?.tokens?.tokens;
  }

  async saveTokens(tokens: StoredOAuthTokens, ctx?: OAuthClientInformationContext): Promise<void> {
    const { cache, serverUrl, now } = this.#context;
    const issuer = this.#issuer(ctx);
    const client = await this.clientInformation({ issuer });
    if (!client) throw new TypeError("Tokens cannot come before the client they are for.");
    const set = {
      tokens: { ...tokens, issuer },
      client_id: client.client_id,
      requested_scope: this.authorizationUrl.searchParams.get("scope") ?? undefined,
      expires_at: expiryOf(tokens, now()),
    };
    await updateRecord(cache, serverUrl.href, (record) => {
      const named = findNamedClient(this.#context, record, issuer);
      return {
        ...withTokens(record, issuer, set),
        ...named && { pre_registered: named },
      };
    });
  }

  /** Only notes the address; whoever runs the sign-in shows and opens it. */
  redirectToAuthorization(url: URL): void {
    this.#authorizationUrl = checkNamedUrl(url.href, "sign-in page", this.#context.serverUrl);
  }

  saveCodeVerifier(codeVerifier: string): void {
    this.#codeVerifier = codeVerifier;
  }

  codeVerifier(): string {
    if (this.#codeVerifier === undefined) throw new TypeError("No code verifier yet.");
    return this.#codeVerifier;
  }

  #issuer(ctx: OAuthClientInformationContext | undefined): string {
    return ctx?.issuer ?? issuerOf(this.#discovery);
  }

  #isRegistered(redirectUri: string): boolean {
    if (redirectUri === this.redirectUrl) return true;
    const registered = URL.parse(redirectUri);
    if (!registered) return false;
    registered.port = new URL(this.redirectUrl).port;
    return registered.href === this.redirectUrl;
  }

  #takesMetadataDocuments(): boolean {
    return this.#discovery.authorizationServerMetadata?.client_id_metadata_document_supported ===
      true;
  }
}

/**
 * When an access token ends.
 *
 * @param now milliseconds.
 * @returns seconds since 1970, or `undefined` if the answer did not say.
 */
export function expiryOf(tokens: StoredOAuthTokens, now: number): number | undefined {
  return tokens.expires_in === undefined ? undefined : Math.floor(now / 1000) + tokens.expires_in;
}
