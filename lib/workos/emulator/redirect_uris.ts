/** Where browsers may be sent. */

/**
 * Whether a redirect URI is registered: by exact match, or by an entry with `*` for the port, the
 * one wildcard WorkOS has for `http`.
 *
 * @param uri what a request names.
 * @param registered what the dashboard lists.
 */
export function isRegisteredRedirectUri(uri: string, registered: readonly string[]): boolean {
  return registered.some((entry) => {
    const [head, tail] = entry.split("*");
    if (head === undefined || tail === undefined) return uri === entry;
    const port = uri.slice(head.length, uri.length - tail.length);
    return /^\d+$/.test(port) && uri === head + port + tail && URL.canParse(uri);
  });
}

/**
 * Whether a browser may go somewhere after signing out. WorkOS has a list of its own for this; here
 * every URL on the origin of a redirect URI is on it.
 *
 * @param url what a request names.
 * @param registered redirect URIs.
 */
export function isSignOutRedirect(url: string, registered: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const { origin } = new URL(url);
  return registered.some((entry) => {
    const path = entry.slice(entry.indexOf("/", entry.indexOf("//") + 2));
    return isRegisteredRedirectUri(origin + path, [entry]);
  });
}
