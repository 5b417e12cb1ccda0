/** What has happened in an environment: the log behind WorkOS's Events API and webhooks. */

import type { EventResponse } from "@workos-inc/node";

/** What is told of. Connections, roles and permissions change without an event here. */
export type EventName =
  | `user.${"created" | "updated" | "deleted"}`
  | `organization.${"created" | "deleted"}`
  | `organization_membership.${"created" | "updated" | "deleted"}`
  | `role.${"created" | "updated"}`
  | `session.${"created" | "revoked"}`
  | `dsync.${"activated" | "deleted"}`
  | `dsync.user.${"created" | "updated" | "deleted"}`
  | `dsync.group.${"created" | "deleted" | "user_added" | "user_removed"}`;

/** What an event of some name is about, as the WorkOS SDK reads it. */
export type EventData<Name extends EventName = EventName> = Extract<
  EventResponse,
  { event: Name }
>["data"];

/** An event as WorkOS sends it. */
export interface LoggedEvent {
  object: "event";
  /** `event_…`; a later event has a greater one. */
  id: string;
  event: EventName;
  /** The object as it was then. */
  data: EventData;
  /** ISO 8601. */
  created_at: string;
}

/** How many events are kept; WorkOS keeps them for 90 days. */
const LIMIT = 10_000;

/** The events of one environment, and who is told of new ones. */
export class EventLog {
  readonly #events: LoggedEvent[] = [];
  readonly #listeners = new Set<(event: LoggedEvent) => void>();
  #lastTime = 0;
  #count = 0;

  /**
   * @param now clock, in milliseconds.
   * @param newId makes the random part of an id, in hexadecimal.
   */
  constructor(private readonly now: () => number, private readonly newId: () => string) {}

  /**
   * Notes an event and tells the listeners.
   *
   * @param event its name.
   * @param data what it is about; copied, so that later changes do not show in it.
   */
  append<Name extends EventName>(event: Name, data: EventData<Name>): void {
    const logged: LoggedEvent = {
      object: "event",
      id: this.#createId(),
      event,
      data: structuredClone<EventData>(data),
      created_at: new Date(this.now()).toISOString(),
    };
    this.#events.push(logged);
    if (this.#events.length > LIMIT) this.#events.shift();
    for (const listener of this.#listeners) listener(logged);
  }

  /** The events that are kept, the oldest first. */
  list(): readonly LoggedEvent[] {
    return this.#events;
  }

  /** Forgets every event. */
  clear(): void {
    this.#events.length = 0;
  }

  /**
   * Tells somebody of every event from now on.
   *
   * @returns ends it.
   */
  subscribe(listener: (event: LoggedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Like a ULID: time, then a count, because one change may cause several events, then chance. */
  #createId(): string {
    // A clock set back must not bring forth ids that a reader takes for read.
    this.#lastTime = Math.max(this.#lastTime, this.now());
    const [time, count] = [encode(this.#lastTime, 10), encode(this.#count++, 6)];
    return `event_${time}${count}${this.newId().slice(0, 10).toUpperCase()}`;
  }
}

/** Digits that sort as the numbers do. */
function encode(value: number, length: number): string {
  return value.toString(32).toUpperCase().padStart(length, "0");
}
