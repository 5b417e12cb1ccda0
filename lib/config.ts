/** Settings from the environment. All problems are reported together, each with what to do. */

import { SettingsError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import { isLoopbackHost } from "./loopback.ts";

/** Where clients, grants and tokens are kept. */
export type StoreLocation =
  | { kind: "sqlite"; path: string }
  | { kind: "memory" }
  | { kind: "postgres"; url: string };

/** What this server shows WorkOS to prove who it is. */
export interface WorkOSCredentials {
  clientId: string;
  /** The key in use first; a second one while keys are rotated. Each is also the client secret. */
  apiKeys: readonly [string, ...string[]];
}

/** How WorkOS is reached and which sign-ins are let in. */
export interface WorkOSConfig {
  /** Absent: the built-in emulator stands in for WorkOS. */
  credentials?: WorkOSCredentials;
  /** Origin of the WorkOS API. */
  apiUrl: string;
  /** Issuer of WorkOS access tokens where discovery cannot tell. */
  issuer?: string;
  /** Sign-in goes to this organization, and only its members get in. */
  organizationId?: string;
  /** Sign-in goes to this SSO connection, and only it gets in. */
  connectionId?: string;
}

/** Everything a deployment can set. */
export interface Config {
  /** Public origin of this server, without a trailing slash: the issuer. */
  baseUrl: string;
  /** URL of the protected MCP endpoint: the resource indicator (RFC 8707) of every token. */
  resource: string;
  /** Whether people reach this server on their own machine only. */
  loopback: boolean;
  listen: { hostname: string; port: number };
  workos: WorkOSConfig;
  requiredScopes: readonly string[];
  store: StoreLocation;
  /** Seconds. */
  accessTokenTtl: number;
  /** Seconds since the last sign-in or refresh. */
  refreshTokenTtl: number;
  /** Development only: client metadata documents may live on `http://localhost`. */
  allowLoopbackClientMetadata: boolean;
  /** How many reverse proxies set `X-Forwarded-For`. */
  trustedProxyHops: number;
  log: { level: LogLevel; format: "text" | "json" };
}

/**
 * Settings that change who is let in, and that this version does not act on. Ignoring one silently
 * would let in people whom the operator means to keep out.
 */
const UNSUPPORTED = [
  "WORKOS_API_KEY_FILE",
  "WORKOS_AUTHKIT_DOMAIN",
  "WORKOS_CLIENT_SECRET",
  "WORKOS_EVENTS",
  "WORKOS_REQUIRED_CLAIMS",
  "WORKOS_WEBHOOK_SECRET",
];

const DAY = 86_400;

/**
 * Reads and checks all settings.
 *
 * @param env the environment, with the contents of `.env` already in it. An empty value counts as
 *   not set.
 * @throws {SettingsError} with every problem found.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const settings = new Settings(env);
  const baseUrl = settings.origin("WORKOS_BASE_URL", "http://localhost:8000");
  const loopback = isLoopbackHost(baseUrl.hostname);
  const defaultPort = baseUrl.port || (baseUrl.protocol === "https:" ? "443" : "80");
  const config: Config = {
    baseUrl: baseUrl.origin,
    resource: `${baseUrl.origin}/mcp`,
    loopback,
    listen: {
      hostname: settings.get("HOST") ?? (loopback ? loopbackInterface(baseUrl) : "0.0.0.0"),
      port: settings.integer("PORT", defaultPort, { min: 0, max: 65_535 }),
    },
    workos: readWorkOS(settings, loopback),
    requiredScopes: readRequiredScopes(settings),
    store: readStore(settings),
    accessTokenTtl: settings.integer("ACCESS_TOKEN_TTL", "900", { min: 1, max: DAY }),
    refreshTokenTtl: settings.integer("REFRESH_TOKEN_TTL", "2592000", { min: 60, max: 365 * DAY }),
    allowLoopbackClientMetadata:
      settings.choice("ALLOW_LOOPBACK_CLIENT_METADATA", ["true", "false"], "false") === "true",
    trustedProxyHops: settings.integer("TRUSTED_PROXY_HOPS", "0", { min: 0, max: 16 }),
    log: {
      level: settings.choice("LOG_LEVEL", LOG_LEVELS, "info"),
      format: settings.choice("LOG_FORMAT", ["text", "json"], "text"),
    },
  };
  for (const name of UNSUPPORTED.filter((name) => (settings.get(name) ?? "off") !== "off")) {
    settings.problems.push(`${name} is not supported by this version. Remove it.`);
  }
  if (config.allowLoopbackClientMetadata && !loopback) {
    settings.problems.push(
      "ALLOW_LOOPBACK_CLIENT_METADATA is for development and WORKOS_BASE_URL is public. Remove it.",
    );
  }
  if (config.accessTokenTtl > config.refreshTokenTtl) {
    settings.problems.push("ACCESS_TOKEN_TTL is longer than REFRESH_TOKEN_TTL. Make it shorter.");
  }
  if (settings.problems.length > 0) throw new SettingsError(settings.problems);
  return config;
}

/** Browsers know that names below `localhost` are this machine; systems often do not. */
function loopbackInterface({ hostname }: URL): string {
  return hostname.endsWith(".localhost") ? "localhost" : hostname.replace(/^\[|\]$/g, "");
}

function readWorkOS(settings: Settings, loopback: boolean): WorkOSConfig {
  const { problems } = settings;
  const clientId = settings.id("WORKOS_CLIENT_ID", "client_");
  const organizationId = settings.id("WORKOS_ORGANIZATION_ID", "org_");
  const connectionId = settings.id("WORKOS_CONNECTION_ID", "conn_");
  const issuer = settings.get("WORKOS_ISSUER");
  const [apiKey, ...otherKeys] = (settings.get("WORKOS_API_KEY") ?? "")
    .split(",").map((key) => key.trim()).filter(Boolean);

  if ([apiKey ?? "sk_", ...otherKeys].some((key) => !/^sk_\w*$/.test(key))) {
    problems.push("WORKOS_API_KEY does not look like sk_... . Copy it from the WorkOS dashboard.");
  }
  if (otherKeys.length > 1) {
    problems.push("WORKOS_API_KEY holds more than two keys. Keep the new one and the old one.");
  }
  if (clientId && !apiKey) {
    problems.push(
      "WORKOS_CLIENT_ID is set but WORKOS_API_KEY is not. Copy the API key (sk_...) from the " +
        "WorkOS dashboard, or remove both to use the built-in emulator.",
    );
  }
  if (apiKey && !clientId) {
    problems.push(
      "WORKOS_API_KEY is set but WORKOS_CLIENT_ID is not. Copy the client ID (client_...) from " +
        "the WorkOS dashboard, or remove both to use the built-in emulator.",
    );
  }
  if (!apiKey && !clientId) {
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
  return {
    ...(clientId && apiKey && { credentials: { clientId, apiKeys: [apiKey, ...otherKeys] } }),
    apiUrl: settings.origin("WORKOS_API_URL", "https://api.workos.com").origin,
    ...(issuer && { issuer }),
    ...(organizationId && { organizationId }),
    ...(connectionId && { connectionId }),
  };
}

function readRequiredScopes(settings: Settings): readonly string[] {
  const fullName = "FASTMCP_SERVER_AUTH_WORKOS_REQUIRED_SCOPES";
  const shortName = "WORKOS_REQUIRED_SCOPES";
  const full = settings.scopes(fullName);
  const short = settings.scopes(shortName);
  const sorted = (scopes: string[]) => scopes.toSorted().join(" ");
  if (full && short && sorted(full) !== sorted(short)) {
    settings.problems.push(
      `${fullName} and ${shortName} are the same setting with different values. Keep one.`,
    );
  }
  return full ?? short ?? ["openid", "profile", "email"];
}

function readStore(settings: Settings): StoreLocation {
  const value = settings.get("STORE_URL") ?? "sqlite:.data/store.db";
  if (value === "memory:") return { kind: "memory" };
  if (/^postgres(?:ql)?:\/\//.test(value) && URL.canParse(value)) {
    return { kind: "postgres", url: value };
  }
  const path = /^sqlite:(?:\/\/(?=\/)|(?!\/\/))(.+)$/.exec(value)?.[1];
  if (!path) {
    settings.problems.push(
      "STORE_URL is not one of sqlite:PATH, memory: and postgres://USER:PASSWORD@HOST/DATABASE.",
    );
  }
  return { kind: "sqlite", path: path ?? "" };
}

/** Reads one setting at a time and collects what is wrong. */
class Settings {
  readonly problems: string[] = [];

  constructor(private readonly env: Readonly<Record<string, string | undefined>>) {}

  get(name: string): string | undefined {
    return this.env[name]?.trim() || undefined;
  }

  /** An http or https origin; http only on this machine, since keys and tokens pass there. */
  origin(name: string, fallback: string): URL {
    const url = URL.parse(this.get(name) ?? fallback);
    if (!url || !["http:", "https:"].includes(url.protocol)) {
      this.problems.push(`${name} is not an http or https URL. Example: https://mcp.example.com`);
      return new URL(fallback);
    }
    if (url.pathname !== "/" || url.search || url.hash || url.username || url.password) {
      this.problems.push(
        `${name} must be an origin such as ${url.origin}, without a path, a query or a user.`,
      );
    }
    if (url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
      this.problems.push(
        `${name} is http on a public host (${url.hostname}). Use https: keys and tokens pass there.`,
      );
    }
    return url;
  }

  id(name: string, prefix: string): string | undefined {
    const value = this.get(name);
    if (value && !(value.startsWith(prefix) && /^\w+$/.test(value))) {
      this.problems.push(
        `${name} does not look like ${prefix}... . Copy it from the WorkOS dashboard.`,
      );
    }
    return value;
  }

  integer(name: string, fallback: string, range: { min: number; max: number }): number {
    const text = this.get(name) ?? fallback;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < range.min || value > range.max) {
      this.problems.push(`${name} must be a whole number from ${range.min} to ${range.max}.`);
      return Number(fallback);
    }
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const text = this.get(name)?.toLowerCase();
    if (text === undefined) return fallback;
    const choice = choices.find((choice) => choice === text);
    if (!choice) this.problems.push(`${name} must be one of ${choices.join(", ")}.`);
    return choice ?? fallback;
  }

  /** A JSON array, or tokens (RFC 6749 §3.3) separated by spaces or commas. */
  scopes(name: string): string[] | undefined {
    const text = this.get(name);
    if (text === undefined) return undefined;
    const list = text.startsWith("[") ? parseJson(text) : text.split(/[\s,]+/).filter(Boolean);
    const isScope = (value: unknown): value is string =>
      typeof value === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value);
    const isList = Array.isArray(list) && list.every(isScope);
    if (!isList || !list.some((scope) => scope !== "offline_access")) {
      this.problems.push(
        `${name} is not a list of scopes that a request can need. Write ["profile", "email"] or ` +
          "profile email.",
      );
      return undefined;
    }
    return [...new Set(list)];
  }
}
