/** Raw messages to `/mcp`, as a client writes them, and wrong in exactly one place if a test wants. */

import { SERVER, type World } from "../support/world.ts";

const META = "io.modelcontextprotocol";

/** Protocol revision of these messages. */
export const REVISION = "2026-07-28";

/** A message; members given as undefined take a default away. */
export interface Message {
  method: string;
  params?: Record<string, unknown>;
  /** Absent: 1. Null: the message is a notification. */
  id?: number | null;
  /** Members of `_meta`, without the prefix. */
  meta?: Record<string, unknown>;
  headers?: Record<string, string | undefined>;
  signal?: AbortSignal;
}

/** Posts any body to `/mcp`; a header given as undefined is not sent. */
export function postBody(
  world: Pick<World, "fetch">,
  accessToken: string | undefined,
  body: unknown,
  headers: Record<string, string | undefined> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const all = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    authorization: accessToken && `Bearer ${accessToken}`,
    ...headers,
  };
  return world.fetch(`${SERVER}/mcp`, {
    method: "POST",
    headers: Object.entries(all).filter((entry): entry is [string, string] =>
      entry[1] !== undefined
    ),
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

/** Sends a message of the 2026-07-28 revision. */
export function send(
  world: Pick<World, "fetch">,
  accessToken: string | undefined,
  message: Message,
): Promise<Response> {
  const { method, params = {}, id = 1 } = message;
  const target = params.name ?? params.uri;
  const meta = {
    protocolVersion: REVISION,
    clientCapabilities: {},
    clientInfo: { name: "test", version: "1" },
    ...message.meta,
  };
  const _meta = Object.fromEntries(
    Object.entries(meta).map(([name, value]) => [`${META}/${name}`, value]),
  );
  const body = { jsonrpc: "2.0", ...(id !== null && { id }), method, params: { ...params, _meta } };
  return postBody(world, accessToken, body, {
    "mcp-protocol-version": REVISION,
    "mcp-method": method,
    "mcp-name": target === undefined ? undefined : String(target),
    ...message.headers,
  }, message.signal);
}

/** Status and JSON-RPC error code of an answer, as `400 -32020`. */
export async function failureOf(response: Response): Promise<string> {
  return `${response.status} ${(await response.json()).error?.code}`;
}

/** The messages of an answer that is a stream. */
export async function readEvents(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  return text.split("\n\n").flatMap((event) => {
    const data = event.split("\n").filter((line) => line.startsWith("data: "));
    return data.length === 0 ? [] : [JSON.parse(data.map((line) => line.slice(6)).join("\n"))];
  });
}
