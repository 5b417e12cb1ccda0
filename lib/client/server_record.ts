/** What the client knows of one MCP server, and the rules for changing it. */

import type {
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from "@modelcontextprotocol/client";
import * as z from "zod";

/** A registration at an authorization server. */
export interface Registration {
  /** The SDK's object, kept verbatim: it carries the issuer it belongs to. */
  client: StoredOAuthClientInformation;
  /** The redirect URI it was made with; its port is used again (RFC 8252 §7.3). */
  redirect_uri: string;
}

/** Tokens and what is needed to renew them. */
export interface TokenSet {
  /** The SDK's object, kept verbatim: it carries the issuer it belongs to. */
  tokens: StoredOAuthTokens;
  /** The client they were issued to: no other may renew them (RFC 6749 §6). */
  client_id: string;
  /** The scopes asked for, which are the granted ones if the answer names none (RFC 6749 §5.1). */
  requested_scope?: string | undefined;
  /** When the access token ends, in seconds since 1970. `expires_in` means nothing after a restart. */
  expires_at?: number | undefined;
  /** Who they are for, if the server has told; to be shown, never to decide by. */
  account?: string | undefined;
}

/** What belongs to one authorization server and is never shown to another (CL-13, CL-21). */
export interface IssuerCredentials {
  registration?: Registration | undefined;
  tokens?: TokenSet | undefined;
}

/** A sign-in that somebody did not want. */
export interface DeclinedSignIn {
  /** Tells one from the next. */
  id: string;
  issuer: string;
  /** The scopes asked for; those the server suggests when absent. */
  scope?: string | undefined;
  /** What was said of it, cleaned. */
  message: string;
}

/** A client that the user registered by hand and named on the command line. */
export interface PreRegisteredClient {
  client_id: string;
  /** Kept beside the refresh token, which is of no use without it. */
  client_secret?: string | undefined;
  /** Where it was first used: its secret goes nowhere else (CL-38). */
  issuer: string;
}

/** Everything known of one MCP server. */
export interface ServerRecord {
  /** The authorization server whose tokens are in use: a key of {@link issuers}. */
  issuer?: string | undefined;
  /** What discovery found last: needed to renew tokens without a new 401. */
  discovery?: OAuthDiscoveryState | undefined;
  /** The user's own client, if the last sign-in with one succeeded. */
  pre_registered?: PreRegisteredClient | undefined;
  /** The last sign-in that was declined, until one succeeds: for those who waited for it. */
  declined?: DeclinedSignIn | undefined;
  /** Credentials, by issuer. */
  issuers: Record<string, IssuerCredentials>;
}

/** An object of the SDK: checked only for the members without which it is of no use. */
const sdkObject = <T>(...members: string[]) =>
  z.custom<T>((value) =>
    typeof value === "object" && value !== null &&
    members.every((member) => typeof Reflect.get(value, member) === "string")
  );

/** Shape of a record in a file. */
export const serverRecordSchema: z.ZodType<ServerRecord> = z.object({
  issuer: z.string().optional(),
  discovery: sdkObject<OAuthDiscoveryState>("authorizationServerUrl").optional(),
  pre_registered: z.object({
    client_id: z.string(),
    client_secret: z.string().optional(),
    issuer: z.string(),
  }).optional(),
  declined: z.object({
    id: z.string(),
    issuer: z.string(),
    scope: z.string().optional(),
    message: z.string(),
  }).optional(),
  issuers: z.record(
    z.string(),
    z.object({
      registration: z.object({
        client: sdkObject<StoredOAuthClientInformation>("client_id"),
        redirect_uri: z.string(),
      }).optional(),
      tokens: z.object({
        tokens: sdkObject<StoredOAuthTokens>("access_token", "token_type"),
        client_id: z.string(),
        requested_scope: z.string().optional(),
        expires_at: z.number().optional(),
        account: z.string().optional(),
      }).optional(),
    }),
  ),
});

/** The tokens in use, if any. */
export function currentTokens(record: ServerRecord | undefined): TokenSet | undefined {
  return record?.issuer === undefined ? undefined : record.issuers[record.issuer]?.tokens;
}

/** The scopes a token carries (RFC 6749 §5.1: those asked for, when the answer named none). */
export function grantedScope(tokens: TokenSet): string | undefined {
  return tokens.tokens.scope ?? tokens.requested_scope;
}

function withCredentials(
  record: ServerRecord,
  issuer: string,
  change: IssuerCredentials,
): ServerRecord {
  return {
    ...record,
    issuers: { ...record.issuers, [issuer]: { ...record.issuers[issuer], ...change } },
  };
}

/** A copy of the record with a registration. */
export function withRegistration(
  record: ServerRecord,
  issuer: string,
  registration: Registration,
): ServerRecord {
  return withCredentials(record, issuer, { registration });
}

/** A copy of the record with tokens, which are from now on the ones in use. */
export function withTokens(record: ServerRecord, issuer: string, tokens: TokenSet): ServerRecord {
  return { ...withCredentials(record, issuer, { tokens }), issuer, declined: undefined };
}

/** The record with a note of who the tokens in use are for; the same one if that is known. */
export function withAccount(record: ServerRecord, account: string): ServerRecord {
  const { issuer } = record;
  const tokens = currentTokens(record);
  if (issuer === undefined || !tokens || tokens.account === account) return record;
  return withCredentials(record, issuer, { tokens: { ...tokens, account } });
}

/**
 * A copy of the record without tokens that turned out to be dead. Tokens that somebody else has
 * renewed meanwhile stay: the loser of a race must not delete the winner's.
 *
 * @param refreshToken the one that was refused.
 */
export function withoutTokens(
  record: ServerRecord,
  issuer: string,
  refreshToken: string,
): ServerRecord {
  return record.issuers[issuer]?.tokens?.tokens.refresh_token === refreshToken
    ? withCredentials(record, issuer, { tokens: undefined })
    : record;
}

/** A copy of the record without anything of one authorization server. */
export function withoutIssuer(record: ServerRecord, issuer: string): ServerRecord {
  const { [issuer]: _, ...issuers } = record.issuers;
  return { ...record, issuers };
}

/**
 * A copy of the record without a registration that the authorization server no longer knows, unless
 * it has been replaced meanwhile.
 *
 * @param clientId the one that was refused.
 */
export function withoutRegistration(
  record: ServerRecord,
  issuer: string,
  clientId: string,
): ServerRecord {
  return record.issuers[issuer]?.registration?.client.client_id === clientId
    ? withCredentials(record, issuer, { registration: undefined })
    : record;
}
