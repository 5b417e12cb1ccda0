/** A client that signs its requests (RFC 7523), rightly or wrongly. */

import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { JWT_BEARER } from "../../lib/oauth/client_assertion.ts";
import { post, REDIRECT_URI } from "./oauth_client.ts";
import { createWorld, SERVER, type World } from "./world.ts";

/** Where the client keeps its document. */
export const CLIENT_ID = "https://app.example/client.json";
/** Where it may keep its keys. */
export const KEYS_URL = "https://keys.example/jwks.json";

const own = await generateKeyPair("ES256", { extractable: true });
/** Somebody else's key pair. */
export const foreign = await generateKeyPair("ES256", { extractable: true });
/** The client's own public key. */
export const publicKey: JWK = { ...await exportJWK(own.publicKey), kid: "own" };

function publish(world: World, metadata: Record<string, unknown>): void {
  world.documents.set(CLIENT_ID, () =>
    Response.json({
      client_id: CLIENT_ID,
      client_name: "Signing App",
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: "private_key_jwt",
      ...metadata,
    }));
}

/** A world in which the client has published this metadata. */
export async function prepare(
  metadata: Record<string, unknown> = { jwks: { keys: [publicKey] } },
): Promise<World> {
  const world = await createWorld();
  publish(world, metadata);
  return world;
}

type Claims = Record<string, unknown>;
type Key = Parameters<SignJWT["sign"]>[0];

/** Claims of a good assertion, changed. */
export function claimsOf(world: World, change: Claims = {}): Claims {
  const seconds = Math.floor(world.now() / 1000);
  return {
    iss: CLIENT_ID,
    sub: CLIENT_ID,
    aud: SERVER,
    iat: seconds,
    exp: seconds + 60,
    jti: crypto.randomUUID(),
    ...change,
  };
}

/** Signs; a claim that is undefined is left out. */
export function sign(
  world: World,
  change: Claims = {},
  { key = own.privateKey, alg = "ES256", kid = "own" }: { key?: Key; alg?: string; kid?: string } =
    {},
): Promise<string> {
  return new SignJWT(claimsOf(world, change)).setProtectedHeader({ alg, kid }).sign(key);
}

/** Revokes a token nobody has: answered with 200 to whoever is the client. */
export async function attempt(
  world: World,
  form: Record<string, string>,
): Promise<{ status: number; error?: string; message?: string }> {
  const response = await post(world, "/revoke", { token: "unknown", ...form });
  if (response.status === 200) return { status: 200 };
  const { error, error_description: message } = await response.json();
  return { status: response.status, error, message };
}

/** Authenticates by an assertion. */
export async function present(
  world: World,
  assertion: string,
  more: Record<string, string> = {},
): Promise<{ status: number; error?: string; message?: string }> {
  return await attempt(world, {
    client_id: CLIENT_ID,
    client_assertion_type: JWT_BEARER,
    client_assertion: assertion,
    ...more,
  });
}
