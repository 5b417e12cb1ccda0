/** How WorkOS is reached, and who is let in: the settings that begin with `WORKOS_`. */

import type { Settings } from "../settings.ts";
import { type ClaimsPolicy, readClaimsPolicy } from "./claims_policy.ts";

/** What this server shows WorkOS to prove who it is. */
export interface WorkOSCredentials {
  clientId: string;
  /** The key in use first; a second one while keys are rotated. Each is also the client secret. */
  apiKeys: ApiKeys;
  /** File the keys come from, read again when WorkOS refuses all of them. */
  apiKeyFile?: string;
}

/** One API key, or two while one is being rotated. */
export type ApiKeys = readonly [string, ...string[]];

/** Sign-in at an AuthKit domain instead of User Management. */
export interface AuthKitConfig {
  /** Origin of the AuthKit domain: the issuer of its tokens. */
  issuer: string;
  /**
   * A WorkOS Connect OAuth application behind this server. Absent: AuthKit is the authorization
   * server of MCP clients, and this server checks its tokens.
   */
  application?: { clientId: string; clientSecret: string };
}

/** Where WorkOS's events come from; `webhook` needs a secret. */
export type EventSource = "webhook" | "poll" | "off";

/** How WorkOS is reached and which sign-ins are let in. */
export interface WorkOSConfig {
  /**
   * For the WorkOS API. Without them, and without `authkit`, the built-in emulator stands in for
   * WorkOS.
   */
  credentials?: WorkOSCredentials;
  /** Absent: people sign in through User Management. */
  authkit?: AuthKitConfig;
  /** Origin of the WorkOS API. */
  apiUrl: string;
  /** Issuer of WorkOS access tokens where discovery cannot tell. */
  issuer?: string;
  /** Sign-in goes to this organization, and only its members get in. */
  organizationId?: string;
  /** Sign-in goes to this SSO connection, and only it gets in. */
  connectionId?: string;
  /** Claims that a WorkOS token must carry. */
  requiredClaims?: ClaimsPolicy;
  /** Absent: `off`, or `webhook` with the emulator. */
  events?: EventSource;
  webhookSecret?: string;
}

/** Reads a file as text; throws when it cannot. */
export type ReadFile = (path: string) => string;

/**
 * Reads the settings that begin with `WORKOS_` and collects what is wrong with them.
 *
 * @param loopback whether people reach this server on their own machine only.
 */
export function readWorkOSConfig(
  settings: Settings,
  loopback: boolean,
  readFile: ReadFile,
): WorkOSConfig {
  const authkit = readAuthKit(settings);
  const credentials = readCredentials(settings, readFile, { loopback, authkit });
  const organizationId = settings.id("WORKOS_ORGANIZATION_ID", "org_");
  const connectionId = settings.id("WORKOS_CONNECTION_ID", "conn_");
  const issuer = settings.get("WORKOS_ISSUER");
  const requiredClaims = readClaimsPolicy(settings);
  if (authkit && connectionId) {
    settings.problems.push(
      "WORKOS_CONNECTION_ID cannot be used with WORKOS_AUTHKIT_DOMAIN: AuthKit chooses the " +
        "connection. Remove one of them.",
    );
  }
  if (authkit && issuer) {
    settings.problems.push(
      "WORKOS_ISSUER cannot be used with WORKOS_AUTHKIT_DOMAIN, which is the issuer. Remove it.",
    );
  }
  return {
    ...(credentials && { credentials }),
    ...(authkit && { authkit }),
    apiUrl: settings.origin("WORKOS_API_URL", "https://api.workos.com").origin,
    ...(issuer && { issuer }),
    ...(organizationId && { organizationId }),
    ...(connectionId && { connectionId }),
    ...(requiredClaims && { requiredClaims }),
    ...readEvents(settings, { authkit, hasApi: credentials !== undefined }),
  };
}

function readAuthKit(settings: Settings): AuthKitConfig | undefined {
  const clientSecret = settings.get("WORKOS_CLIENT_SECRET");
  if (settings.get("WORKOS_AUTHKIT_DOMAIN") === undefined) {
    if (clientSecret) {
      settings.problems.push(
        "WORKOS_CLIENT_SECRET is set without WORKOS_AUTHKIT_DOMAIN. Set both to sign in through a " +
          "WorkOS Connect application, or remove it.",
      );
    }
    return undefined;
  }
  const issuer = settings.origin("WORKOS_AUTHKIT_DOMAIN", "", "https://").origin;
  if (!clientSecret) return { issuer };
  const clientId = settings.id("WORKOS_CLIENT_ID", "client_");
  if (!clientId) {
    settings.problems.push(
      "WORKOS_CLIENT_SECRET is set but WORKOS_CLIENT_ID is not. Copy the client ID of the Connect " +
        "application from the WorkOS dashboard.",
    );
  }
  return { issuer, application: { clientId: clientId ?? "", clientSecret } };
}

function readCredentials(
  settings: Settings,
  readFile: ReadFile,
  { loopback, authkit }: { loopback: boolean; authkit: AuthKitConfig | undefined },
): WorkOSCredentials | undefined {
  const { problems } = settings;
  const clientId = authkit?.application ? authkit.application.clientId : settings.id(
    "WORKOS_CLIENT_ID",
    "client_",
  );
  const apiKeyFile = settings.get("WORKOS_API_KEY_FILE");
  const apiKeys = readApiKeys(settings, apiKeyFile, readFile);

  const hasKey = (settings.get("WORKOS_API_KEY") ?? apiKeyFile) !== undefined;

  if (clientId && !hasKey && authkit && !authkit.application) {
    problems.push(
      "WORKOS_CLIENT_ID is set, but AuthKit alone needs none. Set WORKOS_CLIENT_SECRET as well to " +
        "sign in through a Connect application, WORKOS_API_KEY for tools that ask WorkOS, or " +
        "remove it.",
    );
  } else if (clientId && !hasKey && !authkit?.application) {
    problems.push(
      "WORKOS_CLIENT_ID is set but WORKOS_API_KEY is not. Copy the API key (sk_...) from the " +
        "WorkOS dashboard, or remove both to use the built-in emulator.",
    );
  }
  if (hasKey && clientId === undefined) {
    problems.push(
      "WORKOS_API_KEY is set but WORKOS_CLIENT_ID is not. Copy the client ID (client_...) from " +
        "the WorkOS dashboard, or remove both to use the built-in emulator.",
    );
  }
  if (!hasKey && !clientId && !authkit) {
    if (!loopback) {
      problems.push(
        "WORKOS_CLIENT_ID and WORKOS_API_KEY are not set. Copy both from the WorkOS dashboard: " +
          "the built-in emulator is only for a loopback WORKOS_BASE_URL.",
      );
    }
    if (settings.get("WORKOS_API_URL")) {
      problems.push(
        "WORKOS_API_URL is set without WORKOS_CLIENT_ID and WORKOS_API_KEY. Set all three, or " +
          "none to use the built-in emulator.",
      );
    }
  }
  if (!clientId || !apiKeys) return undefined;
  return { clientId, apiKeys, ...(apiKeyFile && { apiKeyFile }) };
}

function readApiKeys(
  settings: Settings,
  file: string | undefined,
  readFile: ReadFile,
): ApiKeys | undefined {
  const { problems } = settings;
  const value = settings.get("WORKOS_API_KEY");
  if (file === undefined) return value === undefined ? undefined : parse(value, "WORKOS_API_KEY");
  if (value !== undefined) {
    problems.push("WORKOS_API_KEY and WORKOS_API_KEY_FILE are both set. Keep one.");
    return undefined;
  }
  try {
    return parse(readFile(file), "WORKOS_API_KEY_FILE");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    problems.push(`WORKOS_API_KEY_FILE: ${file} cannot be read (${reason}).`);
    return undefined;
  }

  function parse(text: string, name: string): ApiKeys | undefined {
    const keys = parseApiKeys(text);
    if (typeof keys !== "string") return keys;
    problems.push(`${name} ${keys}`);
    return undefined;
  }
}

/**
 * Reads one API key or two, separated by commas or line breaks.
 *
 * @returns the keys, or what is wrong with them.
 */
export function parseApiKeys(text: string): ApiKeys | string {
  const [first, ...others] = text.split(/[,\n]/).map((key) => key.trim()).filter(Boolean);
  if (first === undefined || [first, ...others].some((key) => !/^sk_\w+$/.test(key))) {
    return "does not look like sk_... . Copy it from the WorkOS dashboard.";
  }
  if (others.length > 1) return "holds more than two keys. Keep the new one and the old one.";
  return [first, ...others];
}

function readEvents(
  settings: Settings,
  { authkit, hasApi }: { authkit: AuthKitConfig | undefined; hasApi: boolean },
): Pick<WorkOSConfig, "events" | "webhookSecret"> {
  const { problems } = settings;
  const webhookSecret = settings.get("WORKOS_WEBHOOK_SECRET");
  const wanted = settings.get("WORKOS_EVENTS");
  const events = wanted === undefined
    ? undefined
    : settings.choice<EventSource>("WORKOS_EVENTS", ["webhook", "poll", "off"], "off");
  if (events === "webhook" && !webhookSecret) {
    problems.push(
      "WORKOS_EVENTS is webhook but WORKOS_WEBHOOK_SECRET is not set. Copy it from the webhook " +
        "endpoint in the WorkOS dashboard, or set WORKOS_EVENTS=poll.",
    );
  }
  if (events === "poll" && !hasApi) {
    problems.push("WORKOS_EVENTS is poll, which needs WORKOS_CLIENT_ID and WORKOS_API_KEY.");
  }
  const used = events ?? (webhookSecret ? "webhook" : undefined);
  if (used === "webhook" && authkit?.application && !hasApi) {
    problems.push(
      "WORKOS_WEBHOOK_SECRET needs WORKOS_API_KEY as well: directories name people by their e-mail " +
        "address, and WorkOS has to be asked who that is.",
    );
  }
  if (authkit && !authkit.application && used !== undefined && used !== "off") {
    problems.push(
      "WORKOS_EVENTS and WORKOS_WEBHOOK_SECRET cannot be used while AuthKit is the authorization " +
        "server: this server keeps nothing that an event could end. Remove them, or set " +
        "WORKOS_CLIENT_SECRET.",
    );
  }
  return { ...(used && { events: used }), ...(webhookSecret && { webhookSecret }) };
}
