/** Reading the emulator's events as an application does. */

import type { Event } from "@workos-inc/node";
import { type Emulator, emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import { createSdk, ORIGIN } from "./support.ts";

type ListOptions = Omit<
  Parameters<ReturnType<typeof createSdk>["events"]["listEvents"]>[0],
  "events"
>;

/** Their names. */
export const ALL = [
  "user.created",
  "user.updated",
  "user.deleted",
  "organization.created",
  "organization.deleted",
  "organization_membership.created",
  "organization_membership.updated",
  "organization_membership.deleted",
  "session.created",
  "session.revoked",
] as const;

/** The events of users, organizations, members and sessions, through the SDK. */
export async function list(emulator: Emulator, options: ListOptions = {}): Promise<Event[]> {
  return (await createSdk(emulator).events.listEvents({ events: [...ALL], limit: 100, ...options }))
    .data;
}

/** Who it is about, and what. */
export function summarize(events: readonly Event[]): string[] {
  return events.map(({ event, data }) => `${event} ${"id" in data ? data.id : ""}`);
}

/** What the Events API answers to a query. */
export async function get(emulator: Emulator, query: string): Promise<Response> {
  return await emulator.fetch(
    new Request(new URL(`/events?${query}`, ORIGIN), {
      headers: { authorization: `Bearer ${emulatorCredentials.apiKey}` },
    }),
  );
}
