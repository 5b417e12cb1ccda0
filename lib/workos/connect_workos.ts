/** Joins what this server uses of WorkOS, as the settings say. */

import { SettingsError } from "../errors.ts";
import type { Log } from "../log.ts";
import { createWorkOSApi, type WorkOSApi } from "./api.ts";
import { type AuthKit, createAuthKit } from "./authkit.ts";
import type { ApiKeys, WorkOSConfig } from "./config.ts";
import { createConnect } from "./connect.ts";
import { createDirectory, type Directory } from "./directory.ts";
import type { Upstream } from "./upstream.ts";
import { createUserManagement } from "./user_management.ts";

/** What {@link connectWorkOS} needs. */
export interface WorkOSOptions {
  config: WorkOSConfig;
  /** Public origin of this server. */
  baseUrl: string;
  /** URL of the MCP endpoint. */
  resource: string;
  fetch: typeof fetch;
  now: () => number;
  /** Reads the API keys again from where they come from. */
  reloadApiKeys?: () => ApiKeys | undefined;
}

/** What this server uses of WorkOS. */
export interface WorkOSConnection {
  /** Absent where the settings have no API key. */
  api: WorkOSApi | undefined;
  upstream: Upstream;
  directory: Directory;
}

/**
 * Joins the parts for a server that signs people in: through the Connect application if there is
 * one, else through User Management. Nothing is called until a method is called.
 *
 * @throws {SettingsError} when there are no credentials for either.
 */
export function connectWorkOS(options: WorkOSOptions): WorkOSConnection {
  const { config, baseUrl } = options;
  const { credentials, authkit: { issuer, application } = {} } = config;
  const redirectUri = `${baseUrl}/auth/callback`;
  const api = credentials && createWorkOSApi({ ...options, config: { ...config, credentials } });
  const directory = createDirectory(api);
  if (issuer && application) {
    const authkit = { issuer, application };
    return { api, directory, upstream: createConnect({ ...options, authkit, redirectUri }) };
  }
  if (!credentials || !api) {
    throw new SettingsError(["WORKOS_CLIENT_ID and WORKOS_API_KEY are not set."]);
  }
  const upstream = createUserManagement({
    ...options,
    config: { ...config, credentials },
    api,
    redirectUri,
  });
  return { api, directory, upstream };
}

/** What a server uses of WorkOS whose authorization server is AuthKit. */
export interface AuthKitConnection {
  /** Absent where the settings have no API key. */
  api: WorkOSApi | undefined;
  authkit: AuthKit;
  directory: Directory;
}

/**
 * Joins the parts for a server that only checks AuthKit's tokens. Nothing is called until a method
 * is called.
 *
 * @param issuer origin of the AuthKit domain.
 */
export function connectAuthKit(
  options: WorkOSOptions & { log: Log },
  issuer: string,
): AuthKitConnection {
  const { config } = options;
  const { credentials } = config;
  const api = credentials && createWorkOSApi({ ...options, config: { ...config, credentials } });
  return { api, authkit: createAuthKit({ ...options, issuer }), directory: createDirectory(api) };
}
