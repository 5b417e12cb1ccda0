/** Grants, codes and tokens in SQL. */

import { first, type SqlDatabase, type SqlStatement } from "./sql_database.ts";
import type { ChangeStore } from "./sql_changes.ts";
import { GRANT_COLUMNS, type GrantColumns, withGrant } from "./sql_grant_rows.ts";
import type { SelectionStore } from "./sql_selections.ts";
import type {
  AccessTokenLookup,
  AccessTokenRow,
  CodeRow,
  RefreshTokenRow,
  Store,
  TokenIssue,
} from "./store.ts";

/** The part of a store that is about grants. */
export type GrantStore = Omit<
  Store,
  | "getSecret"
  | "insertClient"
  | "findClient"
  | "openSignIn"
  | "closeSignIn"
  | "findSignIn"
  | "takeSignIn"
  | "useOnce"
  | keyof ChangeStore
  | keyof SelectionStore
  | "sweep"
  | "ping"
  | "close"
>;

/** Makes that part over a database with the current schema. */
export function createGrantStore({ run, batch }: SqlDatabase): GrantStore {
  return {
    async insertGrant(grant, code) {
      await batch([
        [
          `INSERT INTO grants (id, client_id, user_id, session_id, organization_id, resource,
             approved_scope, scope, permissions, sealed_session, session_version, session_expires_at,
             created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
          [
            grant.id,
            grant.clientId,
            grant.userId,
            grant.sessionId,
            grant.organizationId,
            grant.resource,
            grant.approvedScope,
            grant.scope,
            grant.permissions,
            grant.sealedSession,
            grant.sessionVersion,
            grant.sessionExpiresAt,
            grant.createdAt,
            grant.expiresAt,
          ],
        ],
        [
          `INSERT INTO codes (hash, grant_id, wrapped_key, redirect_uri, code_challenge, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6)`,
          [
            code.hash,
            grant.id,
            code.wrappedKey,
            code.redirectUri,
            code.codeChallenge,
            code.expiresAt,
          ],
        ],
      ]);
    },

    async deleteGrant(id) {
      return (await run("DELETE FROM grants WHERE id = $1 RETURNING id", [id])).length > 0;
    },

    async findCode(hash) {
      const rows = await run(
        `SELECT hash, wrapped_key AS "wrappedKey", redirect_uri AS "redirectUri",
           code_challenge AS "codeChallenge", redeemed_for AS "redeemedFor",
           codes.expires_at AS "expiresAt", ${GRANT_COLUMNS}
         FROM codes JOIN grants ON grants.id = codes.grant_id WHERE hash = $1`,
        [hash],
      );
      return withGrant<CodeRow>(rows);
    },

    async redeemCode({ codeHash, now, rememberUntil, ...issue }) {
      const redeemedHere: Condition = (start) => [
        `EXISTS (SELECT 1 FROM codes WHERE hash = $${start} AND redeemed_for = $${start + 1})`,
        [codeHash, issue.accessToken.hash],
      ];
      const [redeemed] = await batch([
        [
          `UPDATE codes SET redeemed_for = $1, expires_at = $2
           WHERE hash = $3 AND redeemed_for IS NULL AND expires_at > $4 RETURNING hash`,
          [issue.accessToken.hash, rememberUntil, codeHash, now],
        ],
        ...issueTokens(issue, redeemedHere),
      ]);
      return first(redeemed) !== undefined;
    },

    async findAccessToken(hash) {
      const rows = await run(
        `SELECT wrapped_key AS "wrappedKey", access_tokens.scope AS "scope",
           access_tokens.expires_at AS "expiresAt", grants.id AS "grantId",
           client_id AS "clientId", user_id AS "userId", organization_id AS "organizationId",
           resource, grants.scope AS "grantScope", permissions,
           session_expires_at AS "sessionExpiresAt"
         FROM access_tokens JOIN grants ON grants.id = access_tokens.grant_id
         WHERE hash = $1 AND wrapped_key <> ''`,
        [hash],
      );
      const row = first<
        & Omit<AccessTokenRow, "hash">
        & Omit<AccessTokenLookup["grant"], "id" | "scope">
        & Pick<GrantColumns, "grantId" | "grantScope">
      >(rows);
      return row && {
        wrappedKey: row.wrappedKey,
        scope: row.scope,
        expiresAt: row.expiresAt,
        grant: {
          id: row.grantId,
          clientId: row.clientId,
          userId: row.userId,
          organizationId: row.organizationId,
          resource: row.resource,
          scope: row.grantScope,
          permissions: row.permissions,
          sessionExpiresAt: row.sessionExpiresAt,
        },
      };
    },

    async findRefreshToken(hash) {
      const rows = await run(
        `SELECT hash, wrapped_key AS "wrappedKey", rotated_at AS "rotatedAt",
           rotation_salt AS "rotationSalt", refresh_tokens.expires_at AS "expiresAt",
           ${GRANT_COLUMNS}
         FROM refresh_tokens JOIN grants ON grants.id = refresh_tokens.grant_id WHERE hash = $1`,
        [hash],
      );
      return withGrant<RefreshTokenRow>(rows);
    },

    async rotateRefreshToken({ hash, rotatedAt, rotationSalt, rememberUntil, ...issue }) {
      const rotatedHere: Condition = (start) => [
        `EXISTS (SELECT 1 FROM refresh_tokens
           WHERE hash = $${start} AND rotation_salt = $${start + 1})`,
        [hash, rotationSalt],
      ];
      const results = await batch([
        [
          `UPDATE refresh_tokens SET rotated_at = $1, rotation_salt = $2, expires_at = $3
           WHERE hash = $4 AND rotated_at IS NULL`,
          [rotatedAt, rotationSalt, rememberUntil, hash],
        ],
        ...issueTokens(issue, rotatedHere),
        [
          `SELECT rotated_at AS "rotatedAt", rotation_salt AS "rotationSalt"
           FROM refresh_tokens WHERE hash = $1`,
          [hash],
        ],
      ]);
      return first<Pick<RefreshTokenRow, "rotatedAt" | "rotationSalt">>(results.at(-1));
    },

    async insertAccessToken(grantId, accessToken) {
      const unlessGone: Condition = (start) => [
        `EXISTS (SELECT 1 FROM grants WHERE id = $${start})`,
        [grantId],
      ];
      const [, rows] = await batch([
        accessTokenInsert(grantId, accessToken, unlessGone),
        ["SELECT id FROM grants WHERE id = $1", [grantId]],
      ]);
      return first(rows) !== undefined;
    },

    async revokeAccessToken(hash, clientId) {
      // Its key goes, its row stays until it expires: with the row gone, a replay of the refresh
      // token it came from would store it anew.
      await run(
        `UPDATE access_tokens SET wrapped_key = '' WHERE hash = $1
           AND grant_id IN (SELECT id FROM grants WHERE client_id = $2)`,
        [hash, clientId],
      );
    },

    async findGrant(id) {
      const rows = await run(`SELECT ${GRANT_COLUMNS} FROM grants WHERE id = $1`, [id]);
      return withGrant(rows)?.grant;
    },

    async acquireRenewal({ grantId, version, owner, now, until }) {
      const rows = await run(
        `UPDATE grants SET renewal_owner = $1, renewal_until = $2, stale = 0
         WHERE id = $3 AND session_version = $4
           AND (renewal_owner IS NULL OR renewal_until <= $5) RETURNING id`,
        [owner, until, grantId, version, now],
      );
      return rows.length > 0;
    },

    async releaseRenewal(grantId, owner) {
      await run(
        `UPDATE grants SET renewal_owner = NULL, renewal_until = NULL
         WHERE id = $1 AND renewal_owner = $2`,
        [grantId, owner],
      );
    },

    async saveSession(session) {
      const rows = await run(
        `UPDATE grants SET organization_id = $1, scope = $2, permissions = $3, sealed_session = $4,
           session_expires_at = CASE WHEN stale = 1 THEN 0 ELSE CAST($5 AS BIGINT) END,
           session_version = session_version + 1, renewal_owner = NULL, renewal_until = NULL
         WHERE id = $6 AND session_version = $7 RETURNING id`,
        [
          session.organizationId,
          session.scope,
          session.permissions,
          session.sealedSession,
          session.sessionExpiresAt,
          session.grantId,
          session.version,
        ],
      );
      return rows.length > 0;
    },
  };
}

/**
 * SQL that says whether the statement it stands in does anything, with its values.
 *
 * @param start number of the first of them, after the statement's own.
 */
type Condition = (start: number) => SqlStatement;

function accessTokenInsert(
  grantId: string,
  { hash, wrappedKey, scope, expiresAt }: AccessTokenRow,
  condition: Condition,
): SqlStatement {
  const [holds, values] = condition(6);
  return [
    `INSERT INTO access_tokens (hash, grant_id, wrapped_key, scope, expires_at)
     SELECT $1, $2, $3, $4, CAST($5 AS BIGINT) WHERE ${holds} ON CONFLICT (hash) DO NOTHING`,
    [hash, grantId, wrappedKey, scope, expiresAt, ...values],
  ];
}

/** Stores tokens and lets the grant and its client live as long as they do. */
function issueTokens(issue: TokenIssue, condition: Condition): SqlStatement[] {
  const { grantId, accessToken, refreshToken, grantExpiresAt, clientExpiresAt } = issue;
  const statements = [accessTokenInsert(grantId, accessToken, condition)];
  if (refreshToken) {
    const [holds, values] = condition(5);
    statements.push([
      `INSERT INTO refresh_tokens (hash, grant_id, wrapped_key, expires_at)
       SELECT $1, $2, $3, CAST($4 AS BIGINT) WHERE ${holds}`,
      [refreshToken.hash, grantId, refreshToken.wrappedKey, refreshToken.expiresAt, ...values],
    ]);
  }
  const [holds, values] = condition(3);
  statements.push([
    `UPDATE grants SET expires_at = $1 WHERE id = $2 AND ${holds}`,
    [grantExpiresAt, grantId, ...values],
  ], [
    `UPDATE clients SET expires_at = $1 WHERE expires_at < $1
       AND id = (SELECT client_id FROM grants WHERE id = $2) AND ${holds}`,
    [clientExpiresAt, grantId, ...values],
  ]);
  return statements;
}
