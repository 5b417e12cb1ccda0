/** Joins the rooms: one `(Request) => Promise<Response>` for the whole server. */

import type { AsyncLocalStorage } from "node:async_hooks";
import { createAudit } from "./audit/audit.ts";
import type { Config } from "./config.ts";
import { createEvents } from "./events/events.ts";
import { renderHomePage } from "./home_page.ts";
import type { Log } from "./log.ts";
import { createBearerGate } from "./mcp/bearer_gate.ts";
import { createMcpEndpoint, type McpDefinition } from "./mcp/endpoint.ts";
import { createAuthorize } from "./oauth/authorize.ts";
import { createCallback } from "./oauth/callback.ts";
import { createClients } from "./oauth/clients.ts";
import { createConsent } from "./oauth/consent.ts";
import { createFinishSignIn } from "./oauth/finish_sign_in.ts";
import { createFlowCookies } from "./oauth/flow_cookies.ts";
import { createGrants } from "./oauth/grants.ts";
import { buildResourceMetadata, buildServerMetadata } from "./oauth/metadata.ts";
import { createOrganizationPicker } from "./oauth/organization_picker.ts";
import { encodeBase64Url, type Random } from "./oauth/random.ts";
import { createRegister } from "./oauth/register.ts";
import { createRevoke } from "./oauth/revoke.ts";
import type { FetchDocument } from "./oauth/safe_fetch.ts";
import { deriveBytes } from "./oauth/sealing.ts";
import { createSessions } from "./oauth/sessions.ts";
import { createSignIns } from "./oauth/sign_ins.ts";
import { createToken } from "./oauth/token.ts";
import { CALLS, createAddressLimiter, createRateLimiter, type RateLimit } from "./rate_limit.ts";
import { createReadiness } from "./readiness.ts";
import { type RequestContext, withRequestContext } from "./request_context.ts";
import {
  createRouter,
  documentRoute,
  type Handler,
  logFailure,
  probeRoute,
  type Route,
} from "./router.ts";
import type { Store } from "./store/store.ts";
import type { WorkOSApi } from "./workos/api.ts";
import type { Directory } from "./workos/directory.ts";
import type { Upstream } from "./workos/upstream.ts";

/** What {@link createApp} needs. */
export interface AppOptions {
  config: Config;
  definition: McpDefinition;
  store: Store;
  upstream: Upstream;
  directory: Directory;
  /** For what is asked of WorkOS in the background; absent where the settings have no API key. */
  api: WorkOSApi | undefined;
  fetchDocument: FetchDocument;
  log: Log;
  /** Clock, in epoch milliseconds. */
  now: () => number;
  random: Random;
  /** Waits, in milliseconds. */
  wait: (duration: number) => Promise<void>;
  /** Carries what is known of a request to whatever is done on its behalf. */
  requestContext: AsyncLocalStorage<RequestContext>;
}

/** The whole server. */
export interface App {
  /**
   * Answers any request. Never rejects.
   *
   * @param peer address of the connection.
   */
  fetch(request: Request, peer?: string): Promise<Response>;
  /** Paths that are answered. */
  paths: ReadonlySet<string>;
  /** Deletes what has expired; to be called now and then. Never rejects. */
  sweep(): Promise<void>;
  /** Handles what WorkOS reports; to be called every few seconds. Never rejects. */
  handleEvents(): Promise<void>;
  /**
   * Ends open streams, and waits for what is on its way to WorkOS. The store stays open.
   *
   * @param limit when it resolves, nothing is waited for any more.
   */
  close(limit?: Promise<void>): Promise<void>;
}

/** Expired rows deleted of each kind in one go, so that sweeping never holds a request up long. */
const SWEEP_LIMIT = 500;

/** Between two rounds of sweeping, in milliseconds. */
const SWEEP_PAUSE = 20;

/** Registering leaves a row behind, so it is the scarcer of the two. */
const REGISTRATIONS: RateLimit = { burst: 100, perMinute: 20 };

/** Authorizations and consents, which hosted clients make for many people from one address. */
const AUTHORIZATIONS: RateLimit = { burst: 300, perMinute: 120 };

/** Events that say they are WorkOS's, which sends many at once when a directory is synchronized. */
const EVENTS: RateLimit = { burst: 1200, perMinute: 1200 };

/** Makes the server over its parts. */
export async function createApp(given: AppOptions): Promise<App> {
  const audit = createAudit(given);
  const options = { ...given, audit };
  const { config, definition, store, log, now, random } = options;
  const secret = await store.getSecret("installation", encodeBase64Url(random(32)));
  const cookies = createFlowCookies(config.baseUrl.startsWith("https:"));
  const clients = createClients(options);
  const grants = createGrants({
    ...options,
    sessions: createSessions(options),
    checksumKey: deriveBytes(secret, "refresh token checksum"),
  });
  const signIns = createSignIns(options);
  const finish = createFinishSignIn({ ...options, grants, signIns, cookies });
  const picker = createOrganizationPicker({ ...options, signIns, finish, cookies });
  const consent = createConsent({
    ...options,
    signIns,
    cookies,
    formKey: deriveBytes(secret, "consent form"),
  });
  const mcp = createMcpEndpoint({
    ...options,
    gate: createBearerGate({ config, tokens: grants, log }),
    limit: createRateLimiter(CALLS, now),
  });
  const authorize = createAuthorize({ config, clients, consent, log });
  const program = (handler: Handler): Route => ({
    handlers: { POST: handler },
    audience: "program",
    crossOrigin: true,
  });
  const limitRegistrations = createAddressLimiter(REGISTRATIONS, now);
  const limitAuthorizations = createAddressLimiter(AUTHORIZATIONS, now);
  const resourceMetadata = documentRoute(() => buildResourceMetadata(config));
  const serverMetadata = documentRoute(() => buildServerMetadata(config));
  const routes = new Map<string, Route>([
    ["/", { handlers: { GET: () => renderHomePage(config, definition.name) }, audience: "person" }],
    ["/.well-known/oauth-protected-resource", resourceMetadata],
    ["/.well-known/oauth-protected-resource/mcp", resourceMetadata],
    ["/.well-known/oauth-authorization-server", serverMetadata],
    ["/.well-known/oauth-authorization-server/mcp", serverMetadata],
    ["/register", { ...program(createRegister({ clients, log })), limit: limitRegistrations }],
    ["/authorize", {
      handlers: { GET: authorize, POST: authorize },
      audience: "person",
      limit: limitAuthorizations,
    }],
    ["/consent", {
      handlers: { POST: consent.decide },
      audience: "person",
      limit: limitAuthorizations,
    }],
    ["/auth/callback", {
      handlers: { GET: createCallback({ ...options, signIns, finish, cookies }) },
      audience: "person",
      once: true,
    }],
    ["/auth/organization", {
      handlers: { GET: picker.show, POST: picker.choose },
      audience: "person",
      limit: limitAuthorizations,
    }],
    ["/token", program(createToken({ config, clients, grants, log }))],
    ["/revoke", program(createRevoke({ clients, grants }))],
    ["/healthz", probeRoute(() => Response.json({ ok: true }))],
    ["/readyz", probeRoute(createReadiness(options))],
  ]);

  const events = createEvents(options);
  if (events.webhook) {
    routes.set("/webhooks/workos", {
      handlers: { POST: events.webhook },
      audience: "program",
      limit: createAddressLimiter(EVENTS, now),
    });
  }
  const route = createRouter({ config, routes, mcp: (request) => mcp.fetch(request), log });

  return {
    fetch: withRequestContext(route, options),
    paths: new Set([...routes.keys(), "/mcp"]),
    async sweep() {
      try {
        let deleted = await store.sweep(now(), SWEEP_LIMIT);
        while (deleted >= SWEEP_LIMIT) {
          // Between two rounds requests get their turn.
          await options.wait(SWEEP_PAUSE);
          deleted = await store.sweep(now(), SWEEP_LIMIT);
        }
      } catch (error) {
        logFailure(log, error);
      }
    },
    async handleEvents() {
      try {
        await events.handle();
      } catch (error) {
        logFailure(log, error);
      }
    },
    async close(limit) {
      await (limit ? Promise.race([mcp.close(), limit]) : mcp.close());
      await audit.flush(limit);
    },
  };
}
