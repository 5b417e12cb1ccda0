/** `GET /readyz`: whether this process can do its work now. */

import type { Log } from "./log.ts";
import type { Store } from "./store/store.ts";
import type { Upstream } from "./workos/upstream.ts";

/**
 * Looks whether the store answers and WorkOS's keys are here.
 *
 * @returns 200, or 503 naming what is missing; why is in the log.
 */
export async function answerReady(
  { store, upstream, log }: { store: Store; upstream: Upstream; log: Log },
): Promise<Response> {
  const check = async (name: string, work: () => Promise<void>): Promise<[string, boolean]> => {
    try {
      await work();
      return [name, true];
    } catch (error) {
      log.warning("not_ready", { part: name, message: String(error) });
      return [name, false];
    }
  };
  const checks = await Promise.all([
    check("store", () => store.ping()),
    check("workos_keys", () => upstream.prepare()),
  ]);
  const ready = checks.every(([, ok]) => ok);
  return Response.json({ ready, ...Object.fromEntries(checks) }, { status: ready ? 200 : 503 });
}
