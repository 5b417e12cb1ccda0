/**
 * Asks WorkOS at start whether this server's settings can work, so that a wrong key is a sentence
 * at the terminal and not a failing sign-in days later.
 */

import type { WorkOSConfig, WorkOSCredentials } from "./config.ts";
import { SettingsError, UnavailableError, WorkOSSetupError } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { Log } from "../log.ts";
import type { Upstream } from "./upstream.ts";

/** Longest wait for one answer, in milliseconds. */
const TIMEOUT = 3000;

/** Difference between the clocks that is reported, in seconds. */
const MAX_SKEW = 30;

/** What {@link checkSetup} needs. */
export interface SetupOptions {
  config: WorkOSConfig;
  /** Where people sign in: with credentials to check, unless it is AuthKit by itself. */
  upstream: Pick<Upstream, "prepare"> & Partial<Pick<Upstream, "checkCredentials">>;
  log: Log;
  fetch: typeof fetch;
  now: () => number;
}

/** For checks that use the WorkOS API. */
type ApiOptions = SetupOptions & { config: { credentials: WorkOSCredentials } };

/**
 * Checks what the settings name: client id or AuthKit domain, its keys, API keys, organization,
 * connection, and the clock.
 *
 * @throws {SettingsError} with everything that WorkOS clearly refuses. What cannot be found out
 *   because WorkOS does not answer is logged, and the server starts: WorkOS may be back soon.
 */
export async function checkSetup(options: SetupOptions): Promise<void> {
  const { config: { apiUrl, authkit, credentials }, log } = options;
  const found = await Promise.all([
    checkSignIn(options).catch(tolerateOutage(
      authkit ? authkit.issuer : apiUrl,
      authkit ? "WORKOS_AUTHKIT_DOMAIN" : "WORKOS_API_URL",
      log,
    )),
    ...credentials ? checkApi({ ...options, config: { ...options.config, credentials } }) : [],
  ]);
  const problems = found.flat();
  if (problems.length > 0) throw new SettingsError(problems);
}

function checkApi(options: ApiOptions): Promise<string[]>[] {
  const { config: { apiUrl, authkit }, log } = options;
  const checks = [checkKeys(options), checkRouting(options)];
  // The client id of a Connect application has nothing to do with the API key.
  if (!authkit) checks.push(checkEnvironment(options));
  return checks.map((check) => check.catch(tolerateOutage(apiUrl, "WORKOS_API_URL", log)));
}

function tolerateOutage(address: string, setting: string, log: Log): (error: unknown) => string[] {
  return (error) => {
    if (!(error instanceof UnavailableError)) throw error;
    log.warning(error.code, {
      message: `WorkOS cannot be reached at ${address}. Nobody can sign in until it answers. ` +
        `Check the network, a proxy, and ${setting}.`,
      cause: String(error.cause ?? error.message),
    });
    return [];
  };
}

/** User Management shows its credentials in the checks of the API, the others here. */
async function checkSignIn({ config, upstream }: SetupOptions): Promise<string[]> {
  try {
    await upstream.prepare();
    if (config.authkit) await upstream.checkCredentials?.();
    return [];
  } catch (error) {
    if (error instanceof WorkOSSetupError) return [error.message];
    throw error;
  }
}

async function checkKeys(options: ApiOptions): Promise<string[]> {
  const { config: { credentials: { apiKeys } }, log } = options;
  const answers = await Promise.all(
    apiKeys.map((apiKey) => get("/organizations?limit=1", apiKey, options)),
  );
  const skew = answers[0]?.skew ?? 0;
  if (Math.abs(skew) > MAX_SKEW) {
    log.warning("clock_skew", {
      message: `This machine's clock is ${Math.abs(skew)} seconds ` +
        `${skew > 0 ? "ahead of" : "behind"} WorkOS's. Set it, for example with NTP: tokens are ` +
        "checked by the clock.",
    });
  }
  const refused = answers.filter(({ status }) => status === 401 || status === 403);
  if (refused.length < answers.length) {
    if (refused.length > 0) {
      log.warning("invalid_api_key", {
        message: "WorkOS refuses one of the two keys of WORKOS_API_KEY. Remove it when the " +
          "rotation is done.",
      });
    }
    return [];
  }
  const rest = options.config.authkit ? "WORKOS_AUTHKIT_DOMAIN" : "WORKOS_CLIENT_ID";
  return [
    "WORKOS_API_KEY: WorkOS refuses the key. Copy it again from the dashboard (API Keys), from " +
    `the same environment as ${rest}.`,
  ];
}

/**
 * Key and client id may both be good and of different environments, which WorkOS only says when they
 * are used together. So a code that nobody made is exchanged, for the reason of the refusal. Not seen
 * on a live account.
 */
async function checkEnvironment(options: ApiOptions): Promise<string[]> {
  const { clientId, apiKeys } = options.config.credentials;
  for (const apiKey of apiKeys) {
    const known = await get("/organizations?limit=1", apiKey, options);
    if (known.status !== 200) continue;
    const { body } = await call("/user_management/authenticate", options, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        grant_type: "authorization_code",
        client_id: clientId,
        client_secret: apiKey,
        code: "start-up-check",
      }),
    });
    const reason = String(body.error ?? body.code);
    if (!["invalid_client", "unauthorized_client"].includes(reason)) return [];
    return [
      "WORKOS_CLIENT_ID and WORKOS_API_KEY belong to different environments: WorkOS answers " +
      `${reason}. Copy both from the same environment of the dashboard.`,
    ];
  }
  return [];
}

async function checkRouting(options: ApiOptions): Promise<string[]> {
  const { organizationId, connectionId } = options.config;
  const problems: string[] = [];
  if (organizationId) {
    const { status } = await getWithAnyKey(`/organizations/${organizationId}`, options);
    if (status === 404) {
      problems.push("WORKOS_ORGANIZATION_ID: WorkOS does not know this organization.");
    }
  }
  if (connectionId) {
    const { status, body } = await getWithAnyKey(`/connections/${connectionId}`, options);
    if (status === 404) {
      problems.push("WORKOS_CONNECTION_ID: WorkOS does not know this connection.");
    } else if (
      organizationId && status === 200 && body.organization_id !== organizationId
    ) {
      problems.push(
        "WORKOS_CONNECTION_ID is a connection of another organization than " +
          "WORKOS_ORGANIZATION_ID. Keep one of them, or make them match.",
      );
    }
  }
  return problems;
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
  /** Seconds by which this machine's clock is ahead. */
  skew: number;
}

/** The answer with the first key that WorkOS accepts. */
async function getWithAnyKey(path: string, options: ApiOptions): Promise<Answer> {
  const [first, ...others] = options.config.credentials.apiKeys;
  let answer = await get(path, first, options);
  for (const apiKey of others) {
    if (answer.status === 401) answer = await get(path, apiKey, options);
  }
  return answer;
}

/** A plain call: the SDK keeps neither the `Date` header nor the body of a 401. */
async function call(
  path: string,
  { config, fetch, now }: SetupOptions,
  init: RequestInit,
): Promise<Answer> {
  try {
    const response = await fetch(config.apiUrl + path, {
      ...init,
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const date = Date.parse(response.headers.get("date") ?? "");
    const skew = Number.isNaN(date) ? 0 : Math.round((now() - date) / 1000);
    const body = parseJson(await response.text());
    const isObject = typeof body === "object" && body !== null;
    return { status: response.status, body: isObject ? { ...body } : {}, skew };
  } catch (error) {
    throw new UnavailableError("workos_unavailable", "WorkOS does not answer.", 5, {
      cause: error,
    });
  }
}

function get(path: string, apiKey: string, options: SetupOptions): Promise<Answer> {
  return call(path, options, {
    headers: { authorization: `Bearer ${apiKey}`, accept: "application/json" },
  });
}
