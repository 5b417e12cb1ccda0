/** What counts as this machine, for server and client alike. */

/**
 * Whether a host is this machine: 127.0.0.0/8, ::1, and the names that always lead there
 * (RFC 6761 §6.3, RFC 8252 §7.3).
 *
 * @param host name or address in lower case, as `URL.hostname` gives it; IPv6 with or without
 *   brackets.
 */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") ||
    host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
