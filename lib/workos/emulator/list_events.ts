/** `GET /events`: the Events API, for applications that ask instead of being told. */

import type { ListResponse } from "@workos-inc/node";
import { invalidParameterRefusal, RefusalError } from "./errors.ts";
import type { EventData, EventLog, LoggedEvent } from "./event_log.ts";
import { readLimit } from "./pagination.ts";

/**
 * Lists events, the oldest first unless told. WorkOS's reference does not say clearly which order
 * it has by itself: an application should name the one it wants.
 *
 * @param log the events.
 * @param query `events` (which names, required), `after` (the event that the page follows) or
 *   `range_start`, `range_end` (ISO 8601, both included), `organization_id`, `limit` (1 to 100, else
 *   10), `order` (`asc` or `desc`).
 * @throws {RefusalError} 422, or 400 for a cursor together with a beginning.
 */
export function listEvents(log: EventLog, query: URLSearchParams): ListResponse<LoggedEvent> {
  const names = new Set(query.getAll("events").flatMap((names) => names.split(",")));
  names.delete("");
  if (names.size === 0) throw invalidParameterRefusal("events");
  const isInRange = readRange(query);
  const descending = readOrder(query) === "desc";
  const limit = readLimit(query);
  const after = query.get("after");
  const organizationId = query.get("organization_id");

  const events = descending ? log.list().toReversed() : log.list();
  const matching = events.filter((event) =>
    names.has(event.event) && isInRange(Date.parse(event.created_at)) &&
    (organizationId === null || findOrganizationId(event.data) === organizationId) &&
    // Ids sort as events do, so that a cursor keeps its place when its event is gone.
    (after === null || (descending ? event.id < after : event.id > after))
  );
  const data = matching.slice(0, limit);
  const next = matching.length > limit ? data.at(-1)?.id : undefined;
  return { object: "list", data, list_metadata: { after: next ?? null } };
}

function readRange(query: URLSearchParams): (time: number) => boolean {
  const [start, end] = ["range_start", "range_end"].map((name) => {
    const value = query.get(name);
    if (value !== null && Number.isNaN(Date.parse(value))) throw invalidParameterRefusal(name);
    return value === null ? undefined : Date.parse(value);
  });
  if (start !== undefined && query.has("after")) {
    const message = "range_start and after exclude each other.";
    throw new RefusalError(400, "invalid_request", message, { message });
  }
  return (time) => time >= (start ?? -Infinity) && time <= (end ?? Infinity);
}

function readOrder(query: URLSearchParams): "asc" | "desc" {
  const order = query.get("order") ?? "asc";
  if (order === "asc" || order === "desc") return order;
  throw invalidParameterRefusal("order");
}

/** Users belong to no organization, even while they are members of some. */
function findOrganizationId(data: EventData): string | null | undefined {
  if ("group" in data) return data.group.organization_id;
  if ("organization_id" in data) return data.organization_id;
  return "object" in data && data.object === "organization" ? data.id : undefined;
}
