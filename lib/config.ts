/** Settings from the environment. All problems are reported together, each with what to do. */

import { SettingsError } from "./errors.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import { isLoopbackHost } from "./loopback.ts";
import { Settings } from "./settings.ts";
import { type ReadFile, readWorkOSConfig, type WorkOSConfig } from "./workos/config.ts";

/** Where clients, grants and tokens are kept. */
export type StoreLocation =
  | { kind: "sqlite"; path: string }
  | { kind: "memory" }
  | { kind: "postgres"; url: string };

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
  /** Whether Deno exports metrics and traces. */
  telemetry: boolean;
}

const DAY = 86_400;

/**
 * Reads and checks all settings.
 *
 * @param env the environment, with the contents of `.env` already in it. An empty value counts as
 *   not set.
 * @param readFile reads the file that WORKOS_API_KEY_FILE names; without it, none can be read.
 * @throws {SettingsError} with every problem found.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: ReadFile = readNoFile,
): Config {
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
    workos: readWorkOSConfig(settings, loopback, readFile),
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
    telemetry: readTelemetry(settings),
  };
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

function readNoFile(): never {
  throw new Error("this program reads no files");
}

/** Browsers know that names below `localhost` are this machine; systems often do not. */
function loopbackInterface({ hostname }: URL): string {
  return hostname.endsWith(".localhost") ? "localhost" : hostname.replace(/^\[|\]$/g, "");
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

/** Deno has read these before, in this way. */
function readTelemetry(settings: Settings): boolean {
  const isOn = (name: string, fallback: boolean): boolean => {
    const value = settings.get(name)?.toLowerCase();
    return value === "true" || (value !== "false" && fallback);
  };
  if (isOn("OTEL_SDK_DISABLED", false)) return false;
  const enabled = isOn("OTEL_DENO", false);
  if (isOn("OTEL_DENO_TRACING", enabled)) {
    settings.problems.push(
      "OTEL_DENO_TRACING must be false: the spans that Deno makes by itself hold whole URLs, and " +
        "with them the codes of sign-ins. This server makes spans of its own without it.",
    );
  }
  return isOn("OTEL_DENO_METRICS", enabled);
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
