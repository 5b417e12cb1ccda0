/** Joins what this server uses of WorkOS, as the settings say. */

import { createWorkOSApi, type WorkOSApi } from "./api.ts";
import type { ApiKeys, WorkOSConfig, WorkOSCredentials } from "./config.ts";
import { createDirectory, type Directory } from "./directory.ts";
import type { Upstream } from "./upstream.ts";
import { createUserManagement } from "./user_management.ts";

/** What {@link connectWorkOS} needs. */
export interface WorkOSOptions {
  config: WorkOSConfig & { credentials: WorkOSCredentials };
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
  api: WorkOSApi;
  upstream: Upstream;
  directory: Directory;
}

/** Joins the parts. Nothing is called until a method is called. */
export function connectWorkOS(options: WorkOSOptions): WorkOSConnection {
  const api = createWorkOSApi(options);
  const upstream = createUserManagement({
    ...options,
    api,
    redirectUri: `${options.baseUrl}/auth/callback`,
  });
  return { api, upstream, directory: createDirectory(api) };
}
