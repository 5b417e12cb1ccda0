/** Nonsense to send: values, names and requests with parts swapped. */

import fc from "fast-check";

/** Every path of the server. */
export const PATHS = [
  "/",
  "/mcp",
  "/register",
  "/authorize",
  "/consent",
  "/auth/callback",
  "/token",
  "/revoke",
  "/healthz",
  "/readyz",
  "/.well-known/oauth-protected-resource",
  "/.well-known/oauth-protected-resource/mcp",
  "/.well-known/oauth-authorization-server",
];

/** Values that parsers and checks have been walked around with, beside arbitrary ones. */
export const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "",
    "%",
    "%00",
    "\u0000",
    "\uD800",
    "null",
    "__proto__",
    "constructor",
    "[object Object]",
    "-1",
    "1e309",
    "javascript:alert(1)",
    "http://localhost@evil.example",
    "../../etc/passwd",
    "' OR 1=1 --",
    "<script>",
    "x".repeat(5000),
  ),
);

const parameterName = fc.oneof(
  fc.constantFrom(
    "client_id",
    "redirect_uri",
    "response_type",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "state",
    "resource",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "request",
    "decision",
    "error",
    "login_hint",
  ),
  fc.string({ maxLength: 10 }),
);

/** A valid request whose parts are swapped for nonsense: deeper than nonsense alone gets. */
export function mutations(good: Record<string, string>): fc.Arbitrary<[string, string][]> {
  const kept = fc.subarray(Object.entries(good), { minLength: 0 });
  const added = fc.array(fc.tuple(parameterName, value), { maxLength: 3 });
  return fc.tuple(kept, added).map(([some, more]) => [...some, ...more]);
}

/** Writes a query or a form. */
export function encode(pairs: [string, string][]): string {
  return pairs.map(([name, text]) => `${escape(name)}=${escape(text)}`).join("&");
}

/** Percent-encodes what is well formed; lone surrogates have no encoding. */
function escape(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
