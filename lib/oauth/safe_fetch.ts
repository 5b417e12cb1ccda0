/**
 * Fetches from URLs that strangers name (MCP 2026-07-28, AS-13, AS-22, SSRF-1).
 *
 * The host is resolved once and its addresses are checked; the connection then goes to a checked
 * address, never to the name, so a second answer of the name server (DNS rebinding) is never asked
 * for. The certificate still has to be the name's. `HTTPS_PROXY` is not followed: a proxy would
 * resolve the name again.
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { OAuthError, UnavailableError } from "../errors.ts";
import { isLoopbackHost } from "../loopback.ts";
import { isPublicAddress } from "./public_address.ts";

/**
 * Fetches a small document. Redirects are answered, not followed; only an answer with status 200
 * has its body read.
 *
 * @param url https, or http on loopback where that is allowed.
 * @param maxBytes size at which reading stops.
 * @throws {UnavailableError} `client_metadata_unavailable` when nobody answers at a public address.
 *   Its message does not tell why, so that nobody can explore a network through this server; its
 *   cause does, for the log.
 * @throws {OAuthError} `invalid_client` when the body is larger than `maxBytes`.
 */
export type FetchDocument = (url: URL, maxBytes: number) => Promise<Response>;

/** Resolves a host name, or an address to itself, as `node:dns` does. */
export type Lookup = (hostname: string) => Promise<readonly { address: string }[]>;

/** What {@link createSafeFetch} needs. */
export interface SafeFetchOptions {
  lookup: Lookup;
  /** Development only: see {@link isLoopbackDocument}. */
  allowLoopback: boolean;
  /** Which addresses may be connected to. */
  isAllowed?: (address: string) => boolean;
  /** Certificate authorities instead of the system's, PEM. */
  ca?: string;
  /** For everything from the name to the last byte, in milliseconds. */
  timeout?: number;
}

const TIMEOUT = 5000;

/** A host with many addresses must not make one request into many attempts. */
const MAX_ADDRESSES = 4;

/** Seconds after which asking again is worth while; as long as failures are remembered. */
const RETRY_AFTER = 30;

/** Whether a document lives where only `ALLOW_LOOPBACK_CLIENT_METADATA` lets it. */
export function isLoopbackDocument({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && (hostname === "localhost" || hostname === "127.0.0.1");
}

/** Makes a fetch that reaches public addresses only. */
export function createSafeFetch(options: SafeFetchOptions): FetchDocument {
  const { lookup, allowLoopback, isAllowed = isPublicAddress, ca, timeout = TIMEOUT } = options;

  const findAddresses = async (url: URL): Promise<string[]> => {
    const loopback = allowLoopback && isLoopbackDocument(url);
    if (url.protocol !== "https:" && !loopback) throw new TypeError("The URL is not https.");
    const addresses = (await lookup(url.hostname)).map(({ address }) => address);
    const allowed = addresses.filter(loopback ? isLoopbackHost : isAllowed)
      // Many servers have an IPv6 address in name only.
      .toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
    if (allowed.length === 0) throw new TypeError(`No public address: ${addresses.join(" ")}`);
    return allowed.slice(0, MAX_ADDRESSES);
  };

  const get = async (
    url: URL,
    address: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Response> => {
    // Loaded when first needed: it would add a tenth to the start of every server.
    const { request } =
      await (url.protocol === "https:" ? import("node:https") : import("node:http"));
    const outgoing = request({
      host: address,
      port: url.port,
      path: `${url.pathname}${url.search}`,
      servername: url.hostname,
      headers: { host: url.host, accept: "application/json", "accept-encoding": "identity" },
      agent: false,
      signal,
      ...(ca !== undefined && { ca }),
    });
    // Status 101 is no response to Node, and its socket is nobody's.
    const upgrade = once(outgoing, "upgrade", { signal }).then(([, socket]) => {
      socket.destroy();
      throw new TypeError("The host changes to another protocol.");
    });
    outgoing.end();
    try {
      const response = once(outgoing, "response", { signal });
      const [incoming]: IncomingMessage[] = await Promise.race([response, upgrade]);
      if (!incoming) throw new TypeError("There is no response.");
      const body = incoming.statusCode === 200 ? await readBody(incoming, maxBytes) : null;
      // A body without a length that is cut off looks whole.
      signal.throwIfAborted();
      const headers = new Headers();
      for (const [name, value] of Object.entries(incoming.headers)) {
        if (typeof value === "string") headers.set(name, value);
      }
      return new Response(body, { status: incoming.statusCode ?? 0, headers });
    } finally {
      outgoing.destroy();
    }
  };

  return async (url, maxBytes) => {
    const signal = AbortSignal.timeout(timeout);
    try {
      let failure: unknown;
      for (const address of await within(signal, findAddresses(url))) {
        try {
          return await get(url, address, maxBytes, signal);
        } catch (error) {
          if (error instanceof OAuthError || signal.aborted) throw error;
          failure = error;
        }
      }
      throw failure;
    } catch (error) {
      if (error instanceof OAuthError) throw error;
      throw new UnavailableError(
        "client_metadata_unavailable",
        `${url.host} does not answer at a public address.`,
        RETRY_AFTER,
        { cause: error },
      );
    }
  };
}

async function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > maxBytes) {
      incoming.destroy();
      throw new OAuthError("invalid_client", `The document is larger than ${maxBytes} bytes.`, 401);
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Resolving a name cannot be aborted; its answer can be left alone. */
async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
