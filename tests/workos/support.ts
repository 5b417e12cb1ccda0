/** Steps that the tests of WorkOS's tokens share. */

import assert from "node:assert/strict";
import { approve, authorizationUrl, createPkce, register } from "../support/oauth_client.ts";
import type { World } from "../support/world.ts";

/** The error that the client is sent back with, if there is one, and what the operator reads. */
export async function signInOf(world: World): Promise<{ error: string | null; log: string }> {
  const { client_id } = await register(world);
  const url = authorizationUrl({ client_id, code_challenge: createPkce().challenge });
  const { searchParams } = new URL((await approve(world.browser(), url)).url);
  assert.equal(searchParams.has("code"), !searchParams.has("error"));
  return { error: searchParams.get("error"), log: world.logs.join("") };
}

/** A part of a token (RFC 7515 §2). */
export function encode(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}
