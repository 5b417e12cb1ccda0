/**
 * The scopes of this server. WorkOS User Management has none, so they are ours: who the person is,
 * staying signed in, and the permissions WorkOS reports.
 */

import { OAuthError } from "../errors.ts";
import type { Identity } from "../workos/upstream.ts";

/** Asks to stay signed in. Says nothing about a resource, so it is never in a challenge (RS-21). */
export const OFFLINE_ACCESS = "offline_access";

/** Identity scopes with what they mean to the person who is asked. */
const DESCRIPTIONS = new Map([
  ["openid", "Know who you are"],
  ["profile", "See your name and picture"],
  ["email", "See your e-mail address"],
  [OFFLINE_ACCESS, "Stay signed in until you revoke it"],
]);

/** Scopes that every deployment knows. */
export const KNOWN_SCOPES: readonly string[] = [...DESCRIPTIONS.keys()];

/** Scope tokens of RFC 6749 §3.3, of a length that fits a page and a row. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/;
const MAX_SCOPES = 50;

/**
 * Splits a `scope` parameter.
 *
 * @throws {OAuthError} `invalid_scope` for anything but scope tokens separated by blanks.
 */
export function parseScope(text: string): string[] {
  const scopes = [...new Set(splitScope(text))];
  if (scopes.length > MAX_SCOPES || !scopes.every((scope) => SCOPE_TOKEN.test(scope))) {
    throw new OAuthError("invalid_scope", "scope is not a list of scope names between blanks.");
  }
  return scopes;
}

/** Splits scopes that were stored; none is an empty list. */
export function splitScope(scope: string): string[] {
  return scope.split(" ").filter((token) => token !== "");
}

/** Permission slugs of WorkOS are told by their colon (`members:read`). */
function isPermission(scope: string): boolean {
  return /^[\w.*-]+(?::[\w.*-]+)+$/.test(scope);
}

/**
 * Decides what an authorization request asks for. Scopes nobody here knows are dropped (clients
 * send what other servers taught them); a request for nothing else is refused.
 *
 * @param requested the `scope` parameter; absent means what every request needs.
 * @param required scopes every request to `/mcp` needs.
 * @throws {OAuthError} `invalid_scope`.
 */
export function selectScopes(requested: string | undefined, required: readonly string[]): string[] {
  const scopes = requested === undefined ? [] : parseScope(requested);
  if (scopes.length === 0) return [...required];
  const known = scopes.filter((scope) =>
    DESCRIPTIONS.has(scope) || required.includes(scope) || isPermission(scope)
  );
  if (known.length === 0) {
    throw new OAuthError(
      "invalid_scope",
      `No scope of this server was requested. It knows ${KNOWN_SCOPES.join(" ")}.`,
    );
  }
  return known;
}

/**
 * Intersects scopes with what a person's identity supports: evidence only, never configuration.
 *
 * @param scopes that the person approved.
 * @param identity what WorkOS says now.
 */
export function grantScopes(scopes: readonly string[], identity: Identity): string[] {
  return scopes.filter((scope) => {
    if (scope === "email") return identity.emailVerified;
    return DESCRIPTIONS.has(scope) || coversScope(identity.permissions, scope);
  });
}

/**
 * Finds the scopes that every request needs, that were approved, and that WorkOS does not support.
 * One that was not approved is left to the gate, which asks for it.
 */
export function findMissingScopes(
  required: readonly string[],
  approved: readonly string[],
  granted: readonly string[],
): string[] {
  return required.filter((scope) => approved.includes(scope) && !granted.includes(scope));
}

/**
 * Says what a scope allows, in words for the consent page.
 */
export function describeScope(scope: string): string {
  return DESCRIPTIONS.get(scope) ?? `Use your permission "${scope}"`;
}

/**
 * Whether granted scopes suffice for a needed one. A scope that ends in `:*` covers every scope that
 * begins like it: `members:*` covers `members:read` (MCP 2026-07-28, RS-12).
 */
export function coversScope(granted: readonly string[], needed: string): boolean {
  return granted.some((scope) =>
    scope === needed || (scope.endsWith(":*") && needed.startsWith(scope.slice(0, -1)))
  );
}

/** Scopes to name in a challenge or in resource metadata (RS-21). */
export function resourceScopes(scopes: readonly string[]): string[] {
  return scopes.filter((scope) => scope !== OFFLINE_ACCESS);
}

/**
 * Reads the `scope` of a refresh: less than was approved, never more (RFC 6749 §6).
 *
 * @param requested absent means all that was approved.
 * @param approved scopes of the grant, separated by spaces.
 * @throws {OAuthError} `invalid_scope`.
 */
export function narrowScope(requested: string | undefined, approved: string): string {
  if (requested === undefined) return approved;
  const scopes = parseScope(requested);
  if (scopes.length === 0) return approved;
  if (!scopes.every((scope) => coversScope(splitScope(approved), scope))) {
    throw new OAuthError("invalid_scope", `The grant has no more than: ${approved}`);
  }
  return scopes.join(" ");
}

/**
 * Keeps the scopes of the first list that the second one covers.
 *
 * @param scope scopes separated by spaces; their order is kept.
 * @param granted scopes separated by spaces.
 */
export function intersectScope(scope: string, granted: string): string {
  if (scope === granted) return scope;
  const allowed = splitScope(granted);
  return splitScope(scope).filter((token) => coversScope(allowed, token)).join(" ");
}
