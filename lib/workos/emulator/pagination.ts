/** Lists in pages, as every list of the WorkOS API comes. */

import type { ListResponse } from "@workos-inc/node";
import { invalidParameterRefusal } from "./errors.ts";

/**
 * Cuts one page out of a list.
 *
 * @param entries all of them, the oldest first.
 * @param query `limit` (1 to 100, else 10), `order` (`asc` or `desc`, else `desc`), and `after` or
 *   `before`, the id of the entry that the page follows or precedes.
 * @throws {RefusalError} 422.
 */
export function paginate<Entry extends { id: string }>(
  entries: readonly Entry[],
  query: URLSearchParams,
): ListResponse<Entry> {
  const ordered = query.get("order") === "asc" ? entries : entries.toReversed();
  const limit = readLimit(query);
  const after = findCursor(ordered, query, "after");
  const before = findCursor(ordered, query, "before");
  const start = before === undefined ? (after ?? -1) + 1 : Math.max(0, before - limit);
  const end = before ?? start + limit;
  const data = ordered.slice(start, end);
  return {
    object: "list",
    data,
    list_metadata: {
      before: start > 0 ? data.at(0)?.id ?? null : null,
      after: end < ordered.length ? data.at(-1)?.id ?? null : null,
    },
  };
}

/**
 * How long a page is: `limit`, 1 to 100, else 10.
 *
 * @throws {RefusalError} 422.
 */
export function readLimit(query: URLSearchParams): number {
  const limit = Number(query.get("limit") ?? 10);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 100) return limit;
  throw invalidParameterRefusal("limit");
}

function findCursor(
  ordered: readonly { id: string }[],
  query: URLSearchParams,
  name: "after" | "before",
): number | undefined {
  const id = query.get(name);
  if (id === null) return undefined;
  const index = ordered.findIndex((entry) => entry.id === id);
  if (index === -1) throw invalidParameterRefusal(name);
  return index;
}
