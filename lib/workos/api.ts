/** Calls to the WorkOS API with the key, or one of the two keys, that this server has. */

import { WorkOS } from "@workos-inc/node";
import { WorkOSSetupError } from "../errors.ts";
import { type ApiStep, translateApiError } from "./api_errors.ts";
import type { ApiKeys, WorkOSConfig, WorkOSCredentials } from "./config.ts";

/** Longest wait for one call, in milliseconds. A renewal's reservation lasts longer. */
const TIMEOUT = 5000;

/** What {@link createWorkOSApi} needs. */
export interface WorkOSApiOptions {
  config: Pick<WorkOSConfig, "apiUrl"> & { credentials: WorkOSCredentials };
  fetch: typeof fetch;
  /** Reads the keys again from where they come from; undefined when there are none to be read. */
  reloadApiKeys?: () => ApiKeys | undefined;
}

/** The WorkOS API. */
export interface WorkOSApi {
  /** Builds URLs; calls nothing. */
  readonly local: WorkOS;
  /**
   * Calls with the first key that WorkOS accepts; a refused key has used nothing up. When all are
   * refused, they are read again, once.
   *
   * @throws what {@link translateApiError} makes of a failure.
   */
  call<T>(step: ApiStep, work: (workos: WorkOS) => Promise<T>): Promise<T>;
}

/** Makes the API. It calls nothing until it is told to. */
export function createWorkOSApi(options: WorkOSApiOptions): WorkOSApi {
  const { config: { credentials }, reloadApiKeys } = options;
  const open = (keys: ApiKeys) => keys.map((key) => ({ key, workos: createClient(key, options) }));
  let clients = open(credentials.apiKeys);

  const callWithAny = async <T>(
    step: ApiStep,
    work: (workos: WorkOS) => Promise<T>,
  ): Promise<T> => {
    let refused: unknown;
    for (const { workos } of clients) {
      try {
        return await work(workos);
      } catch (error) {
        const translated = translateApiError(error, step);
        if (!(translated instanceof WorkOSSetupError)) throw translated;
        refused = translated;
      }
    }
    throw refused;
  };

  return {
    local: createClient(credentials.apiKeys[0], options),
    async call(step, work) {
      const tried = clients;
      try {
        return await callWithAny(step, work);
      } catch (error) {
        if (!(error instanceof WorkOSSetupError)) throw error;
        // Another call may have read them meanwhile.
        if (clients === tried) {
          const keys = reloadApiKeys?.();
          if (!keys || keys.join() === tried.map(({ key }) => key).join()) throw error;
          clients = open(keys);
        }
        return await callWithAny(step, work);
      }
    },
  };
}

/**
 * One client a key. No retries: codes and refresh tokens work once, and a retry after a lost answer
 * would turn a success into `invalid_grant`. Key and id are passed explicitly, since the SDK would
 * otherwise look into the environment.
 */
function createClient(apiKey: string, { config, fetch }: WorkOSApiOptions): WorkOS {
  const { hostname, port, protocol } = new URL(config.apiUrl);
  return new WorkOS({
    apiKey,
    clientId: config.credentials.clientId,
    apiHostname: hostname,
    ...(port && { port: Number(port) }),
    https: protocol === "https:",
    timeout: TIMEOUT,
    maxRetries: 0,
    fetchFn: fetch,
  });
}
