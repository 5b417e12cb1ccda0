/** Requests of the doctor, which read little and follow nothing, and what they bring back. */

import type { FetchLike } from "@modelcontextprotocol/client";
import { parseJson } from "../../json.ts";
import { readMediaType } from "../../media_type.ts";
import { createNetworkFetch } from "../checked_fetch.ts";
import type { ClientContext } from "../context.ts";
import { sanitizeLine } from "../sanitize.ts";

/** How much of an answer is read, in bytes: it is only looked at. */
const MAX_BODY = 64 * 1024;

/** What a server answered. */
export interface Answer {
  url: URL;
  status: number;
  headers: Headers;
  /** Media type, without parameters. */
  type: string;
  /** The beginning of the body; empty for a stream. */
  text: string;
}

/**
 * Sends one request.
 *
 * @throws {CommandError} when there is no answer.
 */
export async function ask(
  context: ClientContext,
  url: URL,
  init: RequestInit = {},
): Promise<Answer> {
  const response = await createNetworkFetch(context)(url, { ...init, redirect: "manual" });
  const { status, headers } = response;
  const type = readMediaType(headers);
  if (type === "text/event-stream") {
    // It may stay open, and that it is one says enough.
    await response.body?.cancel();
    return { url, status, headers, type, text: "" };
  }
  const text = await readStart(response);
  context.signal.throwIfAborted();
  return { url, status, headers, type, text };
}

async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length >= MAX_BODY) break;
    }
  } catch (error) {
    // An answer that breaks off is judged by its beginning.
    if (!(error instanceof Error)) throw error;
  }
  return text;
}

/** The members of a JSON object, if the answer is one. */
export function readObject({ text }: Answer): Record<string, unknown> | undefined {
  const value = parseJson(text);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : undefined;
}

/** An answer in a few words: its status, what kind of thing it is, and its own words. */
export function describeAnswer(answer: Answer): string {
  const { status, headers, type, text } = answer;
  const location = headers.get("location");
  if (status >= 300 && status < 400 && location !== null) {
    return `HTTP ${status}, a redirect to ${describeUrl(location, answer.url)}`;
  }
  const { error_description: description, error, message } = readObject(answer) ?? {};
  const said = [description, error, message].find((one) => typeof one === "string");
  if (said !== undefined) return `HTTP ${status}: ${sanitizeLine(String(said), 120)}`;
  if (type === "text/html") {
    const title = sanitizeLine(/<title[^>]*>([^<]*)/i.exec(text)?.[1] ?? "", 60);
    return `HTTP ${status}, a web page${title ? ` titled "${title}"` : ""}`;
  }
  return `HTTP ${status}${type ? `, ${sanitizeLine(type, 60)}` : ""}`;
}

/** An address without what may be secret in it. */
export function describeUrl(address: string, base?: URL): string {
  const url = URL.parse(address, base);
  return url ? sanitizeLine(url.origin + url.pathname, 200) : "somewhere unreadable";
}

/** One request that was answered. */
export interface Exchange {
  url: URL;
  status: number;
  headers: Headers;
  /** When it was sent, and when the answer began; milliseconds. */
  sent: number;
  received: number;
}

/**
 * A `fetch` that keeps a list of what was answered, so that a step can tell what its requests met.
 *
 * @param exchanges the list.
 */
export function observeFetch(
  { fetch, now }: Pick<ClientContext, "fetch" | "now">,
  exchanges: Exchange[],
): FetchLike {
  return async (input, init) => {
    const sent = now();
    const response = await fetch(input, init);
    const { status, headers } = response;
    exchanges.push({ url: new URL(input), status, headers, sent, received: now() });
    return response;
  };
}
