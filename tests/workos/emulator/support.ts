/** An emulator with a clock of its own, and the steps of a sign-in. */

import assert from "node:assert/strict";
import { type AuthenticationResponseResponse, WorkOS } from "@workos-inc/node";
import { generateKeyPair } from "jose";
import {
  createEmulator,
  type Emulator,
  emulatorCredentials,
  type EmulatorOptions,
} from "../../../lib/workos/emulator/emulator.ts";

export const ORIGIN = "http://localhost:4100";
export const CALLBACK = "http://localhost:8000/auth/callback";

/** One pair for all: making it takes longer than everything else in these tests. */
const signingKey = await generateKeyPair("RS256");

/** An emulator and the clock it lives by. */
export interface StartedEmulator {
  emulator: Emulator;
  /** What the clock shows, in milliseconds. */
  now: () => number;
  /** Turns the clock forward by so many milliseconds. */
  advance: (milliseconds: number) => void;
}

/** Starts an emulator whose clock stands still until told. */
export function startEmulator(options: Partial<EmulatorOptions> = {}): StartedEmulator {
  let time = Date.UTC(2026, 0, 1);
  const emulator = createEmulator({
    origin: ORIGIN,
    now: () => time,
    redirectUris: [CALLBACK],
    signingKey,
    ...options,
  });
  return {
    emulator,
    now: () => time,
    advance(milliseconds: number) {
      time += milliseconds;
    },
  };
}

/** The SDK as production is reached with it, but for the way to the server. */
export function createSdk(
  emulator: Pick<Emulator, "fetch">,
  apiKey: string = emulatorCredentials.apiKey,
): WorkOS {
  return new WorkOS({
    apiKey,
    clientId: emulatorCredentials.clientId,
    apiHostname: "localhost",
    port: 4100,
    https: false,
    maxRetries: 0,
    fetchFn: (input, init) => emulator.fetch(new Request(input, init)),
  });
}

/** The URL of an authorization request; a parameter set to undefined is left out. */
export function authorizationUrl(parameters: Record<string, string | undefined> = {}): URL {
  const url = new URL("/user_management/authorize", ORIGIN);
  const all = {
    response_type: "code",
    client_id: emulatorCredentials.clientId,
    redirect_uri: CALLBACK,
    state: "some state",
    ...parameters,
  };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/** Sends an authorization request and returns the answer, page or redirect. */
export async function visit(
  emulator: Emulator,
  parameters: Record<string, string | undefined>,
  form?: Record<string, string>,
): Promise<Response> {
  return await emulator.fetch(
    new Request(authorizationUrl(parameters), {
      ...form && { method: "POST", body: new URLSearchParams(form) },
    }),
  );
}

/** The parameters of a redirect to the callback. */
export function readRedirect(response: Response): Record<string, string> {
  const url = new URL(response.headers.get("location") ?? "");
  return Object.fromEntries(url.searchParams);
}

/** Signs in as far as the code. */
export async function obtainCode(
  emulator: Emulator,
  parameters: Record<string, string | undefined>,
): Promise<string> {
  return readRedirect(await visit(emulator, parameters)).code ?? "";
}

/** Posts JSON to the token endpoint, with the right credentials unless others are given. */
export async function authenticate(
  emulator: Emulator,
  body: Record<string, string | undefined>,
): Promise<Response> {
  return await emulator.fetch(
    new Request(new URL("/user_management/authenticate", ORIGIN), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        client_id: emulatorCredentials.clientId,
        client_secret: emulatorCredentials.apiKey,
        ...body,
      }),
    }),
  );
}

/** Signs in as somebody and returns what WorkOS answers. */
export async function signIn(
  emulator: Emulator,
  email: string,
  parameters: Record<string, string | undefined> = { provider: "authkit" },
): Promise<AuthenticationResponseResponse> {
  const code = await obtainCode(emulator, { login_hint: email, ...parameters });
  return await (await authenticate(emulator, { grant_type: "authorization_code", code })).json();
}

/** Renews a session and returns the answer. */
export async function refresh(
  emulator: Emulator,
  refreshToken: string,
  organizationId?: string,
): Promise<Response> {
  return await authenticate(emulator, {
    grant_type: "refresh_token",
    refresh_token: refreshToken,
    organization_id: organizationId,
  });
}

/** Asserts that an answer is this refusal, whatever else it says. */
export async function assertRefused(
  response: Response,
  status: number,
  body: Record<string, unknown>,
): Promise<void> {
  assert.equal(response.status, status);
  assert.partialDeepStrictEqual(await response.json(), body);
}
