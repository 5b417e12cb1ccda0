/**
 * Claims that a WorkOS token must carry before anybody gets in: a tenant, an entitlement, a feature
 * flag, whatever a JWT template adds. Checked at the sign-in and at each renewal.
 */

import { SignInRefusedError } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { Settings } from "../settings.ts";
import type { Identity } from "./upstream.ts";

/** What a claim may be compared with. */
type Scalar = string | number | boolean;

/**
 * Conditions by claim; all have to hold.
 *
 * - a string, number or boolean: the claim is it, or is a list that has it;
 * - a list: for a claim that is a list, each one is in it; for any other, it is one of them;
 * - `"*"`: the claim is there, whatever it says;
 * - null: the claim is not there (`{"act": null}` keeps impersonators out).
 *
 * A claim that is null, an empty text or an empty list is as good as not there.
 */
export type ClaimsPolicy = Readonly<Record<string, Scalar | readonly Scalar[] | null>>;

const SETTING = "WORKOS_REQUIRED_CLAIMS";

/** Reads the policy from its setting, and adds what is wrong with it to the problems. */
export function readClaimsPolicy(settings: Settings): ClaimsPolicy | undefined {
  const text = settings.get(SETTING);
  if (text === undefined) return undefined;
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    settings.problems.push(
      `${SETTING} is not a JSON object. Example: {"org_id":"org_1","entitlements":["mcp"]}`,
    );
    return undefined;
  }
  for (const [claim, condition] of Object.entries(value)) {
    if (isCondition(condition)) continue;
    settings.problems.push(
      `${SETTING}: "${claim}" is compared with a string, a number, true, false, null, or a list ` +
        "of those that is not empty.",
    );
  }
  return value as ClaimsPolicy;
}

function isScalar(value: unknown): value is Scalar {
  return ["string", "number", "boolean"].includes(typeof value);
}

function isCondition(value: unknown): boolean {
  return value === null || isScalar(value) ||
    (Array.isArray(value) && value.length > 0 && value.every(isScalar));
}

/**
 * Finds the first claim that does not meet the policy.
 *
 * @param claims verified claims of a token.
 * @returns its name, or undefined when all conditions hold.
 */
export function findUnmetClaim(
  policy: ClaimsPolicy,
  claims: Readonly<Record<string, unknown>>,
): string | undefined {
  return Object.entries(policy).find(([name, condition]) =>
    !meets(readClaim(claims, name), condition)
  )?.[0];
}

/** Undefined for what is not there, and for what WorkOS or a JWT template left empty. */
function readClaim(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const isEmpty = claim === null || claim === "" || (Array.isArray(claim) && claim.length === 0);
  return isEmpty ? undefined : claim;
}

function meets(claim: unknown, condition: ClaimsPolicy[string]): boolean {
  if (condition === null) return claim === undefined;
  if (claim === undefined) return false;
  if (condition === "*") return true;
  const values = [condition].flat();
  return Array.isArray(claim)
    ? values.every((value) => claim.includes(value))
    : values.some((value) => value === claim);
}

/**
 * Holds a token against the policy.
 *
 * @param identity who it is, with the session that WorkOS has opened already; absent: none was.
 * @throws {SignInRefusedError} `claim_not_met`, which names the claim and not what it should be.
 */
export function assertClaims(
  policy: ClaimsPolicy | undefined,
  claims: Readonly<Record<string, unknown>>,
  identity: Identity | undefined,
): void {
  const claim = policy && findUnmetClaim(policy, claims);
  if (claim === undefined) return;
  const advice = adviseOn(claim, readClaim(claims, claim) !== undefined);
  throw new SignInRefusedError("claim_not_met", `${advice} (WorkOS claim: ${claim})`, {
    identity,
  });
}

/** What a person can do about a claim; administrators find its name behind it. */
function adviseOn(claim: string, isThere: boolean): string {
  switch (claim) {
    case "org_id":
      return isThere
        ? "This server is not for the organization you signed in for. Sign in again for another one."
        : "This server is for members of an organization, and you signed in for none. Ask an " +
          "administrator to add you to one, then sign in again.";
    case "act":
      return isThere
        ? "This server does not let anybody act for somebody else. Sign in as yourself."
        : "This server is for those who act for somebody else, and you signed in as yourself.";
    case "entitlements":
      return "Your organization's plan does not include this server. Ask its administrator.";
    case "feature_flags":
      return "This server is not switched on for you yet. Ask your administrator.";
    case "role":
    case "roles":
    case "permissions":
      return "Your role in the organization does not include this server. Ask its administrator " +
        "for one that does, then sign in again.";
    default:
      return "Your account does not meet what this server asks for. Ask your administrator.";
  }
}
