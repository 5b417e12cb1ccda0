/** Webhooks: events that WorkOS posts to an application as they happen. */

import { createHmac } from "node:crypto";
import type { EventLog, LoggedEvent } from "./event_log.ts";

/** Settings of {@link WebhookDelivery}. */
export interface WebhookOptions {
  /** Where to post. */
  url: string;
  /** Reaches it. */
  fetch: (request: Request) => Promise<Response>;
  /** Waits before another attempt: so many milliseconds, or until the signal is aborted. */
  wait: (duration: number, signal: AbortSignal) => Promise<void>;
  /** How often each event is delivered, at the same time; once by default. */
  copies?: number;
  /** When signatures say they were made, in milliseconds; by default by the emulator's clock. */
  timestamp?: () => number;
  /** Is told of every attempt. */
  onAttempt?: (attempt: WebhookAttempt) => void;
}

/** One attempt to deliver an event. */
export interface WebhookAttempt {
  event: LoggedEvent;
  /** 1 for the first. */
  number: number;
  /** HTTP status of the answer; absent if there was none. */
  status?: number;
}

/** The first attempt and six more, as at WorkOS, but not spread over three days. */
const ATTEMPTS = 7;

/** The first pause, in milliseconds; each one after is twice as long. */
const FIRST_PAUSE = 1000;

/**
 * Delivers events from now on, each by itself: as at WorkOS they may arrive in another order than
 * they happened, and more than once. What causes an event does not wait for it.
 */
export class WebhookDelivery {
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #held: LoggedEvent[] | undefined;

  /**
   * @param events what to deliver.
   * @param sign makes the `WorkOS-Signature` header of a body.
   */
  constructor(
    events: EventLog,
    private readonly sign: (body: string, timestamp?: number) => string,
    private readonly options: WebhookOptions,
  ) {
    this.#unsubscribe = events.subscribe((event) => {
      if (this.#held !== undefined) this.#held.push(event);
      else this.#start(this.#deliverCopies(event));
    });
  }

  /** Delivers nothing from now on, until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** Delivers what was held, the newest first, each when the one before it is through. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#start(this.#deliverInTurn(held.toReversed()));
  }

  /** Waits until everything is delivered or given up, and what that caused as well. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Delivers nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    await this.settle();
  }

  #start(delivery: Promise<void>): void {
    const running = delivery.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #deliverInTurn(events: readonly LoggedEvent[]): Promise<void> {
    for (const event of events) await this.#deliverCopies(event);
  }

  async #deliverCopies(event: LoggedEvent): Promise<void> {
    const { copies = 1 } = this.options;
    await Promise.all(Array.from({ length: copies }, () => this.#deliver(event)));
  }

  async #deliver(event: LoggedEvent): Promise<void> {
    const { wait, onAttempt } = this.options;
    const { signal } = this.#stopping;
    // What caused the event is finished first.
    await Promise.resolve();
    for (let number = 1; number <= ATTEMPTS && !signal.aborted; number++) {
      const status = await this.#post(event);
      if (signal.aborted) return;
      onAttempt?.({ event, number, ...status !== undefined && { status } });
      if (status !== undefined && status >= 200 && status < 300) return;
      if (number < ATTEMPTS) await wait(FIRST_PAUSE * 2 ** (number - 1), signal);
    }
  }

  /** The status of the answer; undefined without one. */
  async #post(event: LoggedEvent): Promise<number | undefined> {
    const { url, fetch, timestamp } = this.options;
    const { signal } = this.#stopping;
    const body = JSON.stringify(event);
    try {
      const response = await fetch(
        new Request(url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            // Anew for every attempt: an application refuses old ones.
            "workos-signature": this.sign(body, timestamp?.()),
          },
          body,
          // Redirects count as failures.
          redirect: "manual",
          signal,
        }),
      );
      await response.body?.cancel();
      return response.status;
    } catch (error) {
      // What `fetch` throws when nobody answers. Anything else is a mistake of whoever gave it.
      if (error instanceof TypeError || signal.aborted) return undefined;
      throw error;
    }
  }
}

/**
 * Signs the body of a webhook the way WorkOS does.
 *
 * @param secret the endpoint's.
 * @param timestamp milliseconds.
 * @returns the value of the `WorkOS-Signature` header.
 */
export function signWebhook(secret: string, body: string, timestamp: number): string {
  const digest = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return `t=${timestamp}, v1=${digest}`;
}
