/** Rows to fill a store with. */

import type { CodeRow, GrantRow, Rotation, TokenIssue } from "../../lib/store/store.ts";

/** A grant of the client `client`, until 1000. */
export function buildGrant(id: string = "grant"): GrantRow {
  return {
    id,
    clientId: "client",
    userId: "user_1",
    sessionId: "session_1",
    organizationId: null,
    resource: "https://mcp.example/mcp",
    approvedScope: "openid",
    scope: "openid",
    permissions: "",
    sealedSession: "sealed",
    sessionVersion: 1,
    sessionExpiresAt: 500,
    createdAt: 0,
    expiresAt: 1000,
  };
}

/** An unused code, until 1000. */
export function buildCode(hash: string = "code"): Omit<CodeRow, "redeemedFor"> {
  return {
    hash,
    wrappedKey: "wrapped",
    redirectUri: "http://localhost/cb",
    codeChallenge: "challenge",
    expiresAt: 1000,
  };
}

/** The tokens `access NAME`, until 2000, and `refresh NAME`, until 3000. */
export function buildIssue(name: string, grantId: string = "grant"): TokenIssue {
  return {
    grantId,
    accessToken: { hash: `access ${name}`, wrappedKey: "k", scope: "openid", expiresAt: 2000 },
    refreshToken: { hash: `refresh ${name}`, wrappedKey: "k", expiresAt: 3000 },
    grantExpiresAt: 3000,
    clientExpiresAt: 4000,
  };
}

/** The exchange of `refresh FROM` for `refresh TO` at 10, with `TO` for a salt. */
export function buildRotation(from: string, to: string, grantId: string = "grant"): Rotation {
  return {
    ...buildIssue(to, grantId),
    hash: `refresh ${from}`,
    rotatedAt: 10,
    rotationSalt: to,
    rememberUntil: 70,
  };
}
