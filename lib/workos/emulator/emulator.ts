/**
 * A WorkOS to develop and test against: the User Management API, shaped like production where an
 * application can tell the difference, with people who are nobody's real account.
 */

import { randomBytes } from "node:crypto";
import { Hono } from "hono";
import { AccessTokens } from "./access_tokens.ts";
import { AuditLog } from "./audit_log.ts";
import { authenticate } from "./authenticate.ts";
import { authorize } from "./authorize.ts";
import { Directory } from "./directory.ts";
import type { Environment } from "./environment.ts";
import { notFoundRefusal, RefusalError } from "./errors.ts";
import { EventLog } from "./event_log.ts";
import { ExpiringMap } from "./expiring_map.ts";
import { logOut } from "./log_out.ts";
import { createManagementApi } from "./management.ts";
import { seedDirectory } from "./people.ts";
import { ResourceAccess } from "./resource_access.ts";
import { signWebhook, WebhookDelivery, type WebhookOptions } from "./webhooks.ts";

export type { Directory } from "./directory.ts";

/** The credentials every emulator has unless told otherwise. They open nothing else. */
export const emulatorCredentials = {
  clientId: "client_emulator",
  apiKey: "sk_test_emulator",
  webhookSecret: "whsec_emulator",
} as const;

/** Settings of {@link createEmulator}. */
export interface EmulatorOptions {
  /** Origin it is reached at, `http://localhost:4100`; issuer and endpoints come from it. */
  origin: string;
  /** Clock, in milliseconds. */
  now: () => number;
  /** Registered redirect URIs: exact, or with `*` for the port. */
  redirectUris: readonly string[];
  /** Source of random bytes; the system's by default. */
  random?: (bytes: number) => Uint8Array;
  /** `client_emulator` by default. */
  clientId?: string;
  /** `sk_test_emulator` by default; also the OAuth client secret. */
  apiKey?: string;
  /** `whsec_emulator` by default. */
  webhookSecret?: string;
  /** Seconds an access token lives; 300 by default, as at WorkOS. */
  accessTokenTtl?: number;
  /** Which actions the audit log takes: with a registered schema, as WorkOS does; or `any`. */
  auditLogSchemas?: "required" | "any";
  /** RS256 keys to sign with. Made at first use by default, which takes up to a third of a second. */
  signingKey?: CryptoKeyPair;
}

/** A running emulator. It forgets everything when it is dropped. */
export interface Emulator {
  /** Answers every endpoint. */
  fetch(request: Request): Promise<Response>;
  /** What developers, administrators and identity providers do to the people in it. */
  directory: Directory;
  /** Permissions for single things. */
  resourceAccess: ResourceAccess;
  /** What has been done to them since the emulator started. */
  events: EventLog;
  /** What the application has reported that they did. */
  auditLog: AuditLog;
  /**
   * Signs the body of a webhook the way WorkOS does.
   *
   * @param body the JSON of an event.
   * @param timestamp when, in milliseconds; now by default.
   * @returns the value of the `WorkOS-Signature` header.
   */
  signWebhook(body: string, timestamp?: number): string;
  /** Posts every event from now on to an application, until stopped. */
  deliverWebhooks(options: WebhookOptions): WebhookDelivery;
}

/** Ten minutes: codes and pending sign-ins are worth nothing afterwards. */
const SIGN_IN_LIFETIME = 10 * 60 * 1000;

/**
 * Makes an emulator.
 *
 * @param options see {@link EmulatorOptions}.
 */
export function createEmulator(options: EmulatorOptions): Emulator {
  const { now, random = randomBytes } = options;
  const environment = createEnvironment(options, () => random(16).toHex());
  const secret = options.webhookSecret ?? emulatorCredentials.webhookSecret;
  const app = createRoutes(environment);
  const { events } = environment.directory;
  const sign = (body: string, timestamp: number = now()) => signWebhook(secret, body, timestamp);
  return {
    async fetch(request) {
      const response = await app.fetch(request);
      response.headers.set("date", new Date(now()).toUTCString());
      return response;
    },
    directory: environment.directory,
    resourceAccess: environment.resourceAccess,
    events,
    auditLog: environment.auditLog,
    signWebhook: sign,
    deliverWebhooks: (options) => new WebhookDelivery(events, sign, options),
  };
}

function createEnvironment(options: EmulatorOptions, newId: () => string): Environment {
  const { origin, now } = options;
  const clientId = options.clientId ?? emulatorCredentials.clientId;
  const issuer = `${origin}/user_management/${clientId}`;
  const events = new EventLog(now, newId);
  const directory = new Directory(events, now, newId);
  seedDirectory(directory);
  // Whom an emulator starts with is no news.
  events.clear();
  return {
    origin,
    issuer,
    clientId,
    apiKey: options.apiKey ?? emulatorCredentials.apiKey,
    redirectUris: options.redirectUris,
    directory,
    resourceAccess: new ResourceAccess(),
    auditLog: new AuditLog(now, options.auditLogSchemas !== "any"),
    accessTokens: new AccessTokens({
      issuer,
      lifetime: options.accessTokenTtl ?? 300,
      now,
      newId,
      signingKey: options.signingKey,
    }),
    codes: new ExpiringMap(SIGN_IN_LIFETIME, now),
    pendingAuthentications: new ExpiringMap(SIGN_IN_LIFETIME, now),
    newId,
  };
}

function createRoutes(environment: Environment): Hono {
  const app = new Hono();
  app.on(
    ["GET", "POST"],
    "/user_management/authorize",
    ({ req }) => authorize(req.raw, environment),
  );
  app.post("/user_management/authenticate", ({ req }) => authenticate(req.raw, environment));
  app.get("/user_management/sessions/logout", ({ req }) => logOut(req.raw, environment));
  app.get("/user_management/:client_id/.well-known/openid-configuration", ({ req }) => {
    checkClientId(req.param("client_id"), environment);
    return Response.json({
      issuer: environment.issuer,
      authorization_endpoint: `${environment.origin}/user_management/authorize`,
      token_endpoint: `${environment.origin}/user_management/authenticate`,
      jwks_uri: `${environment.origin}/sso/jwks/${environment.clientId}`,
      response_types_supported: ["code"],
    });
  });
  app.get("/sso/jwks/:client_id", async ({ req }) => {
    checkClientId(req.param("client_id"), environment);
    return Response.json(await environment.accessTokens.getKeySet());
  });
  app.route("/", createManagementApi(environment));
  app.notFound(({ req }) => renderRefusal(notFoundRefusal("Path", req.path)));
  app.onError((error) => {
    if (error instanceof RefusalError) return renderRefusal(error);
    throw error;
  });
  return app;
}

function checkClientId(clientId: string, environment: Environment): void {
  if (clientId !== environment.clientId) throw notFoundRefusal("Client", clientId);
}

function renderRefusal(refusal: RefusalError): Response {
  return Response.json(refusal.body, { status: refusal.status });
}
