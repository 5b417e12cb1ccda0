/**
 * The only place where grants, codes and tokens are made, exchanged and ended.
 *
 * A grant is what one person allowed one client. Its key seals the WorkOS session; the key itself
 * is stored only wrapped under keys derived from the grant's live tokens, so that a stolen database
 * opens nothing and there is no master key to keep.
 */

import type { Audit } from "../audit/audit.ts";
import type { Caller } from "../caller.ts";
import type { Config } from "../config.ts";
import { OAuthError, SessionEndedError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { GrantRow, Store } from "../store/store.ts";
import type { Upstream, UpstreamSession } from "../workos/upstream.ts";
import type { Client } from "./clients.ts";
import { endGrant } from "./end_grants.ts";
import { CODE_LIFETIME, CODE_REPLAY_WINDOW, ROTATION_GRACE } from "./lifetimes.ts";
import { matchesChallenge } from "./pkce.ts";
import { encodeBase64Url, type Random } from "./random.ts";
import { intersectScope, narrowScope, splitScope } from "./scopes.ts";
import { deriveBytes } from "./sealing.ts";
import { refuseEnded } from "./refuse_ended.ts";
import type { Sessions } from "./sessions.ts";
import { createTokenIssuer, type TokenResponse, unwrapKey, wrapKey } from "./token_issue.ts";
import { createGrantId, formatToken, hashToken, isToken, readRefreshToken } from "./tokens.ts";

/** What the person approved, kept from `/authorize` to the code. */
export interface ApprovedRequest {
  clientId: string;
  redirectUri: string;
  codeChallenge: string;
  scopes: readonly string[];
  /** Those of the scopes that WorkOS supports now. */
  granted: readonly string[];
}

/** What {@link createGrants} needs. */
export interface GrantsOptions {
  config: Pick<Config, "accessTokenTtl" | "refreshTokenTtl" | "resource">;
  store: Store;
  sessions: Sessions;
  upstream: Upstream;
  log: Log;
  audit: Audit;
  now: () => number;
  random: Random;
  /** See {@link readRefreshToken}. */
  checksumKey: Uint8Array;
}

/** Makes, exchanges, checks and ends grants. */
export interface Grants {
  /** Makes a grant and the authorization code for it. */
  create(request: ApprovedRequest, session: UpstreamSession): Promise<string>;
  /**
   * Exchanges a code (RFC 6749 §4.1.3, RFC 7636 §4.6).
   *
   * @throws {OAuthError} `invalid_grant`. A wrong verifier or redirect URI burns the code, a replay
   *   ends the grant it made.
   */
  redeemCode(
    request: { client: Client; code: string; redirectUri?: string; codeVerifier: string },
  ): Promise<TokenResponse>;
  /**
   * Exchanges a refresh token (RFC 6749 §6, RFC 9700 §4.14.2).
   *
   * @throws {OAuthError} `invalid_grant`, `invalid_scope`.
   * @throws {UnavailableError} when WorkOS has to be asked and does not answer.
   */
  refresh(
    request: { client: Client; refreshToken: string; scope?: string },
  ): Promise<TokenResponse>;
  /**
   * Finds out who calls, renewing the WorkOS session if it has run out.
   *
   * @throws {OAuthError} `invalid_token`.
   * @throws {UnavailableError} when WorkOS has to be asked and does not answer.
   */
  authenticate(accessToken: string): Promise<Caller>;
  /** Revokes a client's own token (RFC 7009 §2.1); another's or an unknown one has no effect. */
  revoke(client: Client, token: string): Promise<void>;
}

/** Makes the keeper of grants. */
export function createGrants(options: GrantsOptions): Grants {
  const { store, sessions, log, now, random, checksumKey, config: { resource } } = options;
  const prepareTokens = createTokenIssuer(options);

  const burn = async (grant: GrantRow, reason: string, message: string): Promise<never> => {
    await endGrant(options, grant, { reason });
    throw new OAuthError("invalid_grant", message);
  };

  /** A grant is between one client and one server, though others may use the same store. */
  const isBetween = (client: Client, grant: GrantRow): boolean =>
    grant.clientId === client.id && grant.resource === resource;

  return {
    async create(request, session) {
      const id = createGrantId(random);
      const key = random(32);
      const code = formatToken("code", id, random(32));
      const createdAt = now();
      const { identity } = session;
      const scope = request.granted.join(" ");
      await store.insertGrant({
        id,
        clientId: request.clientId,
        userId: identity.userId,
        sessionId: identity.sessionId,
        organizationId: identity.organizationId ?? null,
        resource,
        approvedScope: request.scopes.join(" "),
        scope,
        permissions: identity.permissions.join(" "),
        sealedSession: sessions.seal(id, key, session),
        sessionVersion: 1,
        sessionExpiresAt: session.expiresAt,
        createdAt,
        expiresAt: createdAt + CODE_LIFETIME,
      }, {
        hash: hashToken(code),
        wrappedKey: wrapKey(code, key, random),
        redirectUri: request.redirectUri,
        codeChallenge: request.codeChallenge,
        expiresAt: createdAt + CODE_LIFETIME,
      });
      log.info("grant_created", {
        grant_id: id,
        client_id: request.clientId,
        user_id: identity.userId,
        organization_id: identity.organizationId,
        ...(identity.impersonator && { impersonated: true }),
        scope,
      });
      return code;
    },

    async redeemCode({ client, code, redirectUri, codeVerifier }) {
      const row = isToken("code", code) ? await store.findCode(hashToken(code)) : undefined;
      const isUsed = typeof row?.redeemedFor === "string";
      if (!row || !isBetween(client, row.grant) || (!isUsed && row.expiresAt <= now())) {
        throw new OAuthError("invalid_grant", "The authorization code is unknown or has expired.");
      }
      const { grant } = row;
      const replayed = "The authorization code was used before.";
      if (isUsed) return await burn(grant, "code_replayed", replayed);
      if (!matchesChallenge(codeVerifier, row.codeChallenge)) {
        const message = "code_verifier does not match the code_challenge.";
        return await burn(grant, "wrong_code_verifier", message);
      }
      if (redirectUri !== undefined && redirectUri !== row.redirectUri) {
        const message = "redirect_uri is not the one of the request.";
        return await burn(grant, "wrong_redirect_uri", message);
      }
      const { response, issue } = prepareTokens({
        grantId: grant.id,
        key: unwrapKey(code, row.wrappedKey),
        scope: grant.scope,
        issuedAt: now(),
        accessSecret: random(32),
        refreshSecret: client.metadata.grant_types.includes("refresh_token")
          ? random(32)
          : undefined,
      });
      const redeemed = await store.redeemCode({
        ...issue,
        codeHash: row.hash,
        now: now(),
        rememberUntil: Math.min(now() + CODE_REPLAY_WINDOW, issue.grantExpiresAt),
      });
      if (!redeemed) return await burn(grant, "code_replayed", replayed);
      log.info("tokens_issued", { grant_id: grant.id, client_id: client.id });
      return response;
    },

    async refresh({ client, refreshToken, scope }) {
      const grantId = readRefreshToken(refreshToken, checksumKey);
      const row = grantId && await store.findRefreshToken(hashToken(refreshToken));
      const owner = row ? row.grant : grantId && await store.findGrant(grantId);
      if (!owner || !isBetween(client, owner) || owner.expiresAt <= now()) {
        throw new OAuthError("invalid_grant", "The refresh token is unknown or has expired.");
      }
      if (!row || (row.rotatedAt !== null && now() - row.rotatedAt > ROTATION_GRACE)) {
        const message = "An exchanged refresh token came back, so it may have been stolen.";
        log.warning("refresh_token_reused", { grant_id: owner.id, client_id: client.id, message });
        return await burn(owner, "refresh_token_reused", "The refresh token was used before.");
      }
      const approved = narrowScope(scope, row.grant.approvedScope);
      const { key, grant } = await refuseEnded("invalid_grant", async () => {
        const key = unwrapKey(refreshToken, row.wrappedKey);
        return { key, grant: await sessions.keepFresh(row.grant, key) };
      });
      const granted = intersectScope(approved, grant.scope);
      if (granted === "") {
        throw new OAuthError("invalid_scope", "WorkOS supports none of these scopes any more.");
      }

      // Both tokens are derived from the old one and a salt that the first rotation stores, so that
      // every request with the same old token, on any replica, gets the same new ones. The old
      // token alone gives nothing away: the salt never leaves the store.
      const prepare = (salt: string, issuedAt: number) =>
        prepareTokens({
          grantId: grant.id,
          key,
          scope: granted,
          issuedAt,
          accessSecret: deriveBytes(refreshToken, `access token for ${granted}`, salt),
          refreshSecret: deriveBytes(refreshToken, "refresh token", salt),
        });
      const freshSalt = encodeBase64Url(random(32));
      const rotatedAt = now();
      const mine = prepare(freshSalt, rotatedAt);
      const stored = await store.rotateRefreshToken({
        ...mine.issue,
        hash: row.hash,
        rotatedAt,
        rotationSalt: freshSalt,
        rememberUntil: rotatedAt + ROTATION_GRACE,
      });
      if (stored?.rotationSalt === freshSalt) {
        log.info("tokens_refreshed", { grant_id: grant.id, client_id: client.id });
        return mine.response;
      }
      const shared = stored?.rotationSalt && stored.rotatedAt !== null
        ? prepare(stored.rotationSalt, stored.rotatedAt)
        : undefined;
      if (!shared || !await store.insertAccessToken(grant.id, shared.issue.accessToken)) {
        throw new OAuthError("invalid_grant", "The grant has ended. Sign in again.");
      }
      log.debug("refresh_shared", { grant_id: grant.id, client_id: client.id });
      return shared.response;
    },

    async authenticate(accessToken) {
      const row = isToken("access", accessToken)
        ? await store.findAccessToken(hashToken(accessToken))
        : undefined;
      // A token for another server is not accepted, even out of the same store (RS-5, RS-8).
      if (!row || row.expiresAt <= now() || row.grant.resource !== resource) {
        throw new OAuthError("invalid_token", "The access token is unknown or has expired.", 401);
      }
      const key = () => unwrapKey(accessToken, row.wrappedKey);
      const readGrant = async () => {
        const grant = await store.findGrant(row.grant.id);
        if (!grant) throw new SessionEndedError("The grant has ended.");
        return grant;
      };
      const grant = row.grant.sessionExpiresAt > now() ? row.grant : await refuseEnded(
        "invalid_token",
        async () => await sessions.keepFresh(await readGrant(), key()),
      );
      return {
        grantId: grant.id,
        clientId: grant.clientId,
        userId: grant.userId,
        ...(grant.organizationId !== null && { organizationId: grant.organizationId }),
        permissions: splitScope(grant.permissions),
        scopes: splitScope(intersectScope(row.scope, grant.scope)),
        expiresAt: row.expiresAt,
        readIdentity: async () => sessions.readIdentity(await readGrant(), key()),
        switchOrganization: async (organizationId) =>
          await sessions.switchOrganization(await readGrant(), key(), organizationId),
      };
    },

    async revoke(client, token) {
      const hash = hashToken(token);
      const row = isToken("refresh", token)
        ? await store.findRefreshToken(hash)
        : isToken("access", token) && await store.findAccessToken(hash);
      const grant = row && await store.findGrant(row.grant.id);
      if (!grant || !isBetween(client, grant)) return;
      const refreshes = client.metadata.grant_types.includes("refresh_token");
      // With a refresh token, or the only token there is, goes all that the grant was for.
      if (!refreshes || isToken("refresh", token)) {
        return await endGrant(options, grant, { reason: "revoked_by_client" });
      }
      await store.revokeAccessToken(hash, client.id);
      log.info("token_revoked", { grant_id: grant.id, client_id: client.id });
    },
  };
}
