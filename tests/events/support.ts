/** What the tests of WorkOS's events share. */

import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, SERVER, type World, type WorldOptions } from "../support/world.ts";

/** Secret of the webhook in these tests: the emulator's. */
export const SECRET = "whsec_emulator";

/** A world that WorkOS can call. */
export function createWebhookWorld(options: WorldOptions = {}): Promise<World> {
  return createWorld({ ...options, env: { WORKOS_WEBHOOK_SECRET: SECRET, ...options.env } });
}

/** Builds an event of now. */
export function buildEvent(
  world: World,
  event: string,
  data: Record<string, unknown>,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  const id = `event_${crypto.randomUUID().replaceAll("-", "")}`;
  const created_at = new Date(world.now()).toISOString();
  return { object: "event", id, event, data, created_at, ...more };
}

/** Sends a body as WorkOS does; `signature` replaces the right one, null takes it away. */
export function postWebhook(
  world: World,
  body: string,
  signature: string | null = world.emulator.signWebhook(body),
): Promise<Response> {
  return world.fetch(`${SERVER}/webhooks/workos`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(signature !== null && { "workos-signature": signature }),
    },
    body,
  });
}

/** Sends an event and waits until it is handled. */
export async function deliver(world: World, event: Record<string, unknown>): Promise<void> {
  const response = await postWebhook(world, JSON.stringify(event));
  if (response.status !== 200) throw new Error(`The webhook answered ${response.status}.`);
  await response.body?.cancel();
  await world.app.handleEvents();
}

/** Access tokens of alice and bob of Acme, of carol of Acme and Globex for Globex, and of dave. */
export async function signInEverybody(world: World): Promise<Record<string, string>> {
  const people = {
    alice: { email: "alice@acme.test" },
    bob: { email: "bob@acme.test" },
    carol: { email: "carol@globex.test", organizationId: "org_globex" },
    dave: { email: "dave@solo.test" },
  };
  const tokens: Record<string, string> = {};
  for (const [name, person] of Object.entries(people)) {
    tokens[name] = (await signIn(world, person)).tokens.access_token;
  }
  return tokens;
}

/** Who is still let in. */
export async function listAdmitted(
  world: World,
  tokens: Record<string, string>,
): Promise<string[]> {
  const admitted: string[] = [];
  for (const [name, token] of Object.entries(tokens)) {
    const { status } = await callTool(world, token, "whoami");
    if (status === 200) admitted.push(name);
    else if (status !== 401) throw new Error(`${name} is answered ${status}.`);
  }
  return admitted;
}

/** Whose session was renewed at WorkOS before the next request was answered. */
export async function listRenewed(
  world: World,
  tokens: Record<string, string>,
): Promise<string[]> {
  const renewed: string[] = [];
  for (const [name, token] of Object.entries(tokens)) {
    world.upstreamCalls.length = 0;
    await callTool(world, token, "echo", { message: "x" });
    if (world.upstreamCalls.some((call) => call.endsWith("/authenticate"))) renewed.push(name);
  }
  return renewed;
}
