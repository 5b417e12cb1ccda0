/** How this server hears of what changes at WorkOS, as the settings say. */

import type { Audit } from "../audit/audit.ts";
import type { Config } from "../config.ts";
import { describeError, type Log } from "../log.ts";
import type { Random } from "../oauth/random.ts";
import type { Store } from "../store/store.ts";
import type { WorkOSApi } from "../workos/api.ts";
import type { Directory } from "../workos/directory.ts";
import type { Upstream } from "../workos/upstream.ts";
import { createAccessChanges } from "./access_changes.ts";
import { createInbox } from "./inbox.ts";
import { createEventPoller } from "./poller.ts";
import { createWebhook } from "./webhook.ts";

/** What {@link createEvents} needs. */
export interface EventsOptions {
  config: Pick<Config, "workos">;
  store: Store;
  upstream: Upstream;
  directory: Directory;
  /** Absent where the settings have no API key. */
  api: WorkOSApi | undefined;
  log: Log;
  audit: Audit;
  now: () => number;
  random: Random;
}

/** Hears of changes. */
export interface Events {
  /** Handler of `POST /webhooks/workos`; absent while it is off. */
  webhook?: (request: Request) => Promise<Response>;
  /** Handles what waits, or fetches what is new. Rejects when that cannot be done now. */
  handle(): Promise<void>;
}

/** Makes it. One way at a time: what came twice, in two ways, would be handled twice. */
export function createEvents(options: EventsOptions): Events {
  const { config: { workos: { events, webhookSecret: secret } }, api, log } = options;
  const changes = createAccessChanges(options);
  const { apply } = changes;
  if (events === "webhook" && secret !== undefined) {
    const inbox = createInbox({ ...options, apply, secret });
    const onFailure = (error: unknown) => log.warning("event_delayed", describeError(error));
    return {
      webhook: createWebhook({ ...options, secret, inbox, onFailure }),
      async handle() {
        await inbox.handle();
        await changes.settle();
      },
    };
  }
  if (events !== "poll" || !api) return { handle: () => Promise.resolve() };
  const poll = createEventPoller({ ...options, api, apply });
  return {
    async handle() {
      await poll();
      await changes.settle();
    },
  };
}
