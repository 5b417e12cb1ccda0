/**
 * Which redirect URIs may be registered, and which requested one matches a registered one
 * (RFC 6749 §3.1.2, RFC 8252 §7 and §8.4, RFC 9700 §2.1; MCP 2026-07-28, AS-10 and AS-11).
 *
 * Everything is judged on the text as it was sent: `URL` forgives and rewrites (`127.1`, upper
 * case, dot segments, tabs), and what it forgives is where allow-lists have been walked around.
 */

import { isIPv4 } from "node:net";
import { OAuthError } from "../errors.ts";
import { isLoopbackHost } from "../loopback.ts";

/** OpenID Connect Dynamic Client Registration §2. */
export type ApplicationType = "native" | "web";

const MAX_LENGTH = 2048;

/** Visible ASCII without the characters that URL parsers disagree about. */
const PLAIN_TEXT = /^[\x21-\x7e]+$/;
const AMBIGUOUS = /["'<>\\^`{|}*#]/;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:[/?]|$)/i;

const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::(\d{1,5}))?([/?].*)?$/;
const HTTPS = /^https:\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:[/?].*)?$/i;
const PRIVATE_USE = /^([a-z][a-z0-9+.-]*):/i;

/** Private-use schemes of known MCP clients that lack the dot RFC 8252 §7.1 asks for. */
const KNOWN_SCHEMES = new Set([
  "claude",
  "cursor",
  "goose",
  "kiro",
  "raycast",
  "vscode",
  "vscode-insiders",
  "windsurf",
  "zed",
]);

/** Whether this is a redirect to the person's own machine, on any port (RFC 8252 §7.3). */
export function isLoopbackRedirect(uri: string): boolean {
  return LOOPBACK.test(uri);
}

/**
 * Whether a redirect stays on the person's own machine: {@link isLoopbackRedirect}, or https on a
 * local name.
 */
export function isLocalRedirect(uri: string): boolean {
  return isLoopbackRedirect(uri) || isLoopbackHost(HTTPS.exec(uri)?.[1]?.toLowerCase() ?? "");
}

/** Whether this redirect opens an app by its private-use scheme (RFC 8252 §7.1). */
export function isPrivateUseRedirect(uri: string): boolean {
  const scheme = PRIVATE_USE.exec(uri)?.[1]?.toLowerCase();
  return scheme !== undefined &&
    (KNOWN_SCHEMES.has(scheme) || /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(scheme));
}

/** Whether this redirect leads to a website, which may be anybody's. */
export function isWebsiteRedirect(uri: string): boolean {
  return !isLocalRedirect(uri) && !isPrivateUseRedirect(uri);
}

/**
 * Checks a redirect URI at registration.
 *
 * @param uri as sent by the client.
 * @param type web clients get https only; native ones also loopback and private-use schemes.
 * @throws {OAuthError} `invalid_redirect_uri`, saying what would be accepted.
 */
export function assertRedirectUri(uri: string, type: ApplicationType): void {
  const refuse = (reason: string): never => {
    throw new OAuthError("invalid_redirect_uri", `${reason} in redirect_uris.`);
  };
  if (uri.length > MAX_LENGTH) refuse(`More than ${MAX_LENGTH} characters`);
  if (!PLAIN_TEXT.test(uri)) refuse("Blanks, control or non-ASCII characters");
  if (AMBIGUOUS.test(uri)) {
    refuse("A fragment, a wildcard or another character that is not allowed");
  }
  if (DOT_SEGMENT.test(uri)) refuse("A dot segment");
  const url = URL.parse(uri) ?? refuse("Not a URL");
  if (url.username || url.password) refuse("User info");

  if (isLoopbackRedirect(uri)) {
    if (type === "web") refuse("http on loopback, which is for application_type native,");
    return;
  }
  const host = HTTPS.exec(uri)?.[1]?.toLowerCase();
  if (host !== undefined) {
    // `0x7f.1` is 127.0.0.1 to a browser: what a person is shown has to be where the answer goes.
    if (host !== url.hostname || isIPv4(host) || host.startsWith("[") || host.endsWith(".")) {
      refuse("A host that is an address, ends with a dot or is not written in its usual form");
    }
    if (type === "web" && isLoopbackHost(host)) {
      refuse("https on localhost, which is for application_type native,");
    }
    return;
  }
  if (type === "native" && isPrivateUseRedirect(uri)) return;
  refuse("Neither https, nor http on loopback, nor a private-use scheme with a dot");
}

/**
 * Finds out whether a requested redirect URI is a registered one: the same text, but for the port
 * of a loopback URI of a native client, which an app gets from the system when it starts.
 *
 * @param registered what the client registered.
 * @param requested what the authorization request names.
 */
export function matchesRedirectUri(
  registered: readonly string[],
  requested: string,
  type: ApplicationType,
): boolean {
  if (registered.includes(requested)) return true;
  const wanted = type === "native" ? LOOPBACK.exec(requested) : null;
  if (!wanted || DOT_SEGMENT.test(requested) || AMBIGUOUS.test(requested)) return false;
  if (!PLAIN_TEXT.test(requested) || Number(wanted[2] ?? 80) > 65_535) return false;
  return registered.some((uri) => {
    const candidate = LOOPBACK.exec(uri);
    return candidate !== null && candidate[1] === wanted[1] && candidate[3] === wanted[3];
  });
}

/** Parameters of an authorization response (RFC 6749 §4.1.2, RFC 9207 §2). */
const ANSWER = new Set(["code", "state", "iss", "error", "error_description", "error_uri"]);

/**
 * Adds parameters to a redirect URI without touching a byte of it. A query it brings survives as
 * it is; parameters of an answer that it already names would be ambiguous, so they are taken out
 * first (RFC 9207 §2: exactly one `iss`).
 *
 * @param uri a checked redirect URI.
 * @param parameters what to add; undefined values are left out.
 */
export function appendToRedirectUri(
  uri: string,
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const [base = "", ...rest] = uri.split("?");
  const query = rest.join("?");
  const own = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const isOurs = (pair: string) =>
    new URLSearchParams(pair).keys().some((name) => ANSWER.has(name));
  const kept = query === "" ? [] : query.split("&").filter((pair) => !isOurs(pair));
  const added = own.map(([name, value]) => `${name}=${encodeURIComponent(value ?? "")}`);
  return `${base}?${[...kept, ...added].join("&")}`;
}
