/** `POST /webhooks/workos`: who is believed, and what is answered. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { UnavailableError } from "../../lib/errors.ts";
import { callTool, signIn } from "../support/oauth_client.ts";
import { createWorld, SERVER, type World } from "../support/world.ts";
import { buildEvent, createWebhookWorld, deliver, postWebhook, SECRET } from "./support.ts";

const MINUTE = 60_000;

function sign(time: number | string, body: string, secret: string = SECRET): string {
  return `t=${time}, v1=${createHmac("sha256", secret).update(`${time}.${body}`).digest("hex")}`;
}

/** An event that would end alice's grant, and whether it did. */
async function prepare(): Promise<{ world: World; body: string; isIn: () => Promise<boolean> }> {
  const world = await createWebhookWorld();
  const { tokens } = await signIn(world);
  const body = JSON.stringify(buildEvent(world, "user.deleted", { id: "user_alice" }));
  const isIn = async () => {
    await world.app.handleEvents();
    return (await callTool(world, tokens.access_token, "whoami")).status === 200;
  };
  return { world, body, isIn };
}

Deno.test("an event is answered at once, and takes effect right after", async () => {
  const { world, body, isIn } = await prepare();
  const response = await postWebhook(world, body);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { received: true });
  assert.equal(await isIn(), false);
});

const FORGERIES: Record<string, (body: string, now: number) => string | null> = {
  "no signature": () => null,
  "an empty signature": () => "",
  "a signature of something else": (_body, now) => sign(now, "{}"),
  "a signature with another secret": (body, now) => sign(now, body, "whsec_other"),
  "a signature of another time": (body, now) => sign(now, body).replace(/t=\d+/, `t=${now + 1}`),
  "an old signature": (body, now) => sign(now - 3 * MINUTE - 1, body),
  "a signature dated ahead": (body, now) => sign(now + 3 * MINUTE + 1, body),
  "a signature without a time": (body, now) => sign(now, body).replace(/^t=\d+, /, ""),
  "a signature cut short": (body, now) => sign(now, body).slice(0, -2),
  "a signature in another scheme": (body, now) => sign(now, body).replace("v1=", "v0="),
  "a time that is no number": (body) => sign("NaN", body),
};

for (const [name, forge] of Object.entries(FORGERIES)) {
  Deno.test(`a webhook with ${name} is refused and changes nothing`, async () => {
    const { world, body, isIn } = await prepare();
    const response = await postWebhook(world, body, forge(body, world.now()));
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error, "invalid_request");
    assert.equal(await isIn(), true);
    assert.ok(world.logs.some((line) => line.includes("event_refused")));
  });
}

Deno.test("a signature may be off by three minutes either way", async () => {
  for (const shift of [-3 * MINUTE, 3 * MINUTE]) {
    const { world, body, isIn } = await prepare();
    const response = await postWebhook(world, body, sign(world.now() + shift, body));
    assert.equal(response.status, 200);
    assert.equal(await isIn(), false);
  }
});

Deno.test("the body counts as it came, not as it is parsed", async () => {
  const { world, body, isIn } = await prepare();
  const response = await postWebhook(world, ` ${body}`, sign(world.now(), body));
  assert.equal(response.status, 400);
  assert.equal(await isIn(), true);
});

Deno.test("what is signed and no event is refused", async () => {
  const { world } = await prepare();
  const event = buildEvent(world, "user.deleted", { id: "user_alice" });
  const bodies = [
    "",
    "{",
    "null",
    "[]",
    JSON.stringify({ ...event, id: "x" }),
    JSON.stringify({ ...event, data: "x" }),
    JSON.stringify({ ...event, created_at: "yesterday" }),
  ];
  for (const body of bodies) {
    assert.equal((await postWebhook(world, body, sign(world.now(), body))).status, 400, body);
  }
});

Deno.test("a large body is refused before it is read", async () => {
  const { world } = await prepare();
  const body = JSON.stringify({ padding: "x".repeat(65_536) });
  assert.equal((await postWebhook(world, body, sign(world.now(), body))).status, 413);
});

Deno.test("an event that means nothing here is taken, and nothing is kept of it", async () => {
  const { world, isIn } = await prepare();
  await deliver(world, buildEvent(world, "invitation.created", { id: "invitation_1" }));
  await deliver(world, buildEvent(world, "constructor", { id: "user_alice" }));
  assert.equal(world.logs.filter((line) => line.includes("event_ignored")).length, 2);
  assert.ok(!world.logs.some((line) => line.includes("event_received")));
  assert.equal(await isIn(), true);
});

Deno.test("an event that should change something, and cannot be read, is taken and reported", async () => {
  const { world, isIn } = await prepare();
  await deliver(world, buildEvent(world, "user.deleted", {}));
  const [line] = world.logs.filter((line) => line.includes("event_refused"));
  assert.match(line ?? "", /"WARN(?:ING)?".*"reason":"malformed"/);
  assert.equal(await isIn(), true);
});

Deno.test("an event that comes again within three days does nothing", async () => {
  const world = await createWebhookWorld();
  const event = buildEvent(world, "organization_membership.updated", {
    user_id: "user_alice",
    organization_id: "org_acme",
    status: "inactive",
  }, { created_at: new Date(world.now() + MINUTE).toISOString() });
  await deliver(world, event);
  // Who came back meanwhile stays.
  const { tokens } = await signIn(world);
  for (let day = 0; day < 3; day++) {
    await deliver(world, event);
    assert.equal(world.logs.filter((line) => line.includes("event_repeated")).length, day + 1);
    world.advance(24 * 60 * MINUTE - 1);
    await world.app.sweep();
  }
  assert.equal(world.logs.filter((line) => line.includes("event_handled")).length, 1);
  assert.ok(tokens.access_token);
});

Deno.test("a store that is away makes WorkOS try again", async () => {
  const { world, body, isIn } = await prepare();
  const { insertChange } = world.store;
  world.store.insertChange = () =>
    Promise.reject(new UnavailableError("store_unavailable", "away", 5));
  assert.equal((await postWebhook(world, body)).status, 503);
  assert.equal(await isIn(), true);
  world.store.insertChange = insertChange;
  assert.equal((await postWebhook(world, body)).status, 200);
  assert.equal(await isIn(), false);
});

Deno.test("without a secret there is no webhook", async () => {
  const world = await createWorld();
  const body = JSON.stringify(buildEvent(world, "user.deleted", { id: "user_alice" }));
  assert.equal((await postWebhook(world, body)).status, 404);
});

Deno.test("the webhook takes POST alone, and no page of another site may use it", async () => {
  const world = await createWebhookWorld();
  const response = await world.fetch(`${SERVER}/webhooks/workos`);
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "POST");
  const foreign = await world.fetch(`${SERVER}/webhooks/workos`, {
    method: "POST",
    headers: { origin: "https://evil.example" },
    body: "{}",
  });
  assert.equal(foreign.status, 403);
});
