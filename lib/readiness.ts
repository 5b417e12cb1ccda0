/** `GET /readyz`: whether this process can do its work now. */

import { UnavailableError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Store } from "./store/store.ts";
import type { Upstream } from "./workos/upstream.ts";

/** How long an answer of WorkOS about the credentials counts, in milliseconds: anybody may ask. */
const CREDENTIALS_TTL = 60_000;

/** How long it is waited for, in milliseconds: a slow WorkOS must not make this process look dead. */
const CREDENTIALS_WAIT = 500;

/** What {@link createReadiness} needs. */
export interface ReadinessOptions {
  /** Absent where nothing is kept. */
  store?: Pick<Store, "ping">;
  /** Without `checkCredentials` where there are none. */
  upstream: Pick<Upstream, "prepare"> & Partial<Pick<Upstream, "checkCredentials">>;
  log: Log;
  now: () => number;
  /** Waits, in milliseconds. */
  wait: (duration: number) => Promise<void>;
}

/**
 * Makes the handler of `GET /readyz`. The process is ready when the store answers and WorkOS's keys
 * are here. Whether WorkOS accepts the credentials is told, and changes nothing: people who are
 * signed in are served as long as their sessions last, so no replica should be taken out for it.
 * It is null while WorkOS has not answered.
 *
 * @returns a handler that answers 200, or 503 naming what is missing; why is in the log.
 */
export function createReadiness(
  { store, upstream, log, now, wait }: ReadinessOptions,
): () => Promise<Response> {
  /** Null when nobody answered, false when the answer is no. */
  const check = async (part: string, work: () => Promise<void>): Promise<boolean | null> => {
    try {
      await work();
      return true;
    } catch (error) {
      log.warning("not_ready", { part, message: String(error) });
      return error instanceof UnavailableError ? null : false;
    }
  };
  let credentials: { accepted: Promise<boolean | null>; until: number } = {
    accepted: Promise.resolve(null),
    until: 0,
  };
  const askOften = (work: () => Promise<void>): Promise<boolean | null> => {
    if (credentials.until <= now()) {
      const accepted = check("workos_credentials", work);
      credentials = { accepted, until: now() + CREDENTIALS_TTL };
    }
    return Promise.race([credentials.accepted, wait(CREDENTIALS_WAIT).then(() => null)]);
  };

  return async () => {
    const { checkCredentials } = upstream;
    const [storeAnswers, keysLoaded, credentialsAccepted] = await Promise.all([
      store && check("store", () => store.ping()),
      check("workos_keys", () => upstream.prepare()),
      checkCredentials && askOften(checkCredentials),
    ]);
    const ready = (!store || storeAnswers === true) && keysLoaded === true;
    return Response.json({
      ready,
      ...(store && { store: storeAnswers === true }),
      workos_keys: keysLoaded === true,
      ...(checkCredentials && { workos_credentials: credentialsAccepted }),
    }, { status: ready ? 200 : 503 });
  };
}
