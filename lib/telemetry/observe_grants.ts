/** How many grants are active, counted whenever metrics are collected. */

import type { Meter } from "@opentelemetry/api";
import type { Log } from "../log.ts";
import { logFailure } from "../router.ts";
import type { Store } from "../store/store.ts";

/** What {@link observeGrants} needs. */
export interface ObserveGrantsOptions {
  meter: Meter;
  store: Pick<Store, "countGrants">;
  log: Log;
  /** Clock, in epoch milliseconds. */
  now: () => number;
}

/** Reports `workos_mcp.active_grants`; replicas on one store all report the same. */
export function observeGrants({ meter, store, log, now }: ObserveGrantsOptions): void {
  const gauge = meter.createObservableGauge("workos_mcp.active_grants", {
    unit: "{grant}",
    description: "Grants that have not ended.",
  });
  gauge.addCallback(async (result) => {
    try {
      result.observe(await store.countGrants(now()));
    } catch (error) {
      // Nobody waits for this: thrown on, it would end the process.
      logFailure(log, error);
    }
  });
}
