import assert from "node:assert/strict";
import { type Event, SignatureVerificationException } from "@workos-inc/node";
import { delay } from "../../../lib/workos/emulator/delay.ts";
import { type Emulator, emulatorCredentials } from "../../../lib/workos/emulator/emulator.ts";
import type { WebhookOptions } from "../../../lib/workos/emulator/webhooks.ts";
import { createSdk, startEmulator } from "./support.ts";

const URL = "http://localhost:8000/webhooks/workos";

/** An application that takes webhooks, and answers as told. */
function createApplication(emulator: Emulator) {
  const events: Event[] = [];
  const requests: Request[] = [];
  return {
    /** What it accepted. */
    events,
    /** What it was sent. */
    requests,
    /** Statuses of the next answers; then 200. */
    statuses: [] as number[],
    async fetch(request: Request): Promise<Response> {
      requests.push(request.clone());
      const status = this.statuses.shift();
      if (status !== undefined) return new Response("sorry", { status });
      const event = await createSdk(emulator).webhooks.constructEvent({
        payload: await request.text(),
        sigHeader: request.headers.get("workos-signature") ?? "",
        secret: emulatorCredentials.webhookSecret,
      });
      events.push(event);
      return new Response();
    },
  };
}

function start(options: Partial<WebhookOptions> = {}) {
  // The SDK judges signatures by the system's clock.
  const { emulator } = startEmulator({ now: Date.now });
  const application = createApplication(emulator);
  const waits: number[] = [];
  const attempts: unknown[] = [];
  const delivery = emulator.deliverWebhooks({
    url: URL,
    fetch: (request) => application.fetch(request),
    async wait(duration) {
      await Promise.resolve();
      waits.push(duration);
    },
    onAttempt: ({ number, status }) => attempts.push([number, status]),
    ...options,
  });
  return { directory: emulator.directory, emulator, application, waits, attempts, delivery };
}

const names = (events: readonly Event[]) => events.map(({ event }) => event);

Deno.test("every event from now on is posted, signed, as the Events API shows it", async () => {
  const { emulator, directory, application, delivery } = start();
  directory.deleteUser("user_bob");
  await delivery.settle();
  assert.deepEqual(names(application.events).toSorted(), [
    "organization_membership.deleted",
    "user.deleted",
  ]);
  const [request] = application.requests;
  assert.equal(request?.method, "POST");
  assert.equal(request?.url, URL);
  assert.equal(request?.headers.get("content-type"), "application/json");
  assert.equal(request?.redirect, "manual");
  assert.deepEqual(await request?.json(), emulator.events.list()[0]);
});

Deno.test("what happened before is not posted, nor what happens after the end", async () => {
  const { emulator, directory, application, delivery } = start();
  await delivery.stop();
  directory.deleteUser("user_bob");
  const later = emulator.deliverWebhooks({
    url: URL,
    fetch: (request) => application.fetch(request),
    wait: () => Promise.resolve(),
  });
  directory.updateUser("user_alice", { firstName: "Al" });
  await later.settle();
  assert.deepEqual(names(application.events), ["user.updated"]);
});

Deno.test("what causes an event is done before the application hears of it", async () => {
  const { directory, application, delivery } = start();
  directory.deleteUser("user_bob");
  assert.equal(application.requests.length, 0);
  assert.throws(() => directory.getUser("user_bob"));
  await delivery.settle();
  assert.equal(application.requests.length, 2);
});

Deno.test("what is not taken is posted again, signed anew, with longer and longer pauses", async () => {
  let time = Date.now();
  const { directory, application, delivery, waits, attempts } = start({ timestamp: () => time++ });
  application.statuses = [500, 400, 302];
  directory.updateUser("user_bob", { firstName: "Rob" });
  await delivery.settle();
  assert.deepEqual(attempts, [[1, 500], [2, 400], [3, 302], [4, 200]]);
  assert.deepEqual(waits, [1000, 2000, 4000]);
  assert.equal(application.events.length, 1);
  const bodies = await Promise.all(application.requests.map((request) => request.text()));
  assert.equal(new Set(bodies).size, 1);
  const signatures = application.requests.map(({ headers }) => headers.get("workos-signature"));
  assert.equal(new Set(signatures).size, 4);
});

Deno.test("what is never taken is given up after six more attempts", async () => {
  const { directory, application, delivery, attempts, waits } = start();
  application.statuses = Array(100).fill(503);
  directory.updateUser("user_bob", { firstName: "Rob" });
  await delivery.settle();
  assert.equal(attempts.length, 7);
  assert.equal(waits.length, 6);
});

Deno.test("an event that is not taken does not keep others waiting", async () => {
  const other = Promise.withResolvers<void>();
  const { directory, application, delivery } = start({
    wait: () => other.promise,
    onAttempt: ({ status }) => status === 200 && other.resolve(),
  });
  application.statuses = [500];
  directory.deleteUser("user_bob");
  await delivery.settle();
  assert.deepEqual(names(application.events), ["user.deleted", "organization_membership.deleted"]);
});

Deno.test("an application that cannot be reached is tried again", async () => {
  let down = true;
  const { directory, delivery, attempts } = start({
    fetch() {
      const answer = down ? Promise.reject(new TypeError("refused")) : new Response();
      down = false;
      return Promise.resolve(answer);
    },
  });
  directory.updateUser("user_bob", { firstName: "Rob" });
  await delivery.settle();
  assert.deepEqual(attempts, [[1, undefined], [2, 200]]);
});

Deno.test("a mistake in the test's own application is not taken for an answer", async () => {
  const { directory, delivery } = start({ fetch: () => Promise.reject(new RangeError("a bug")) });
  directory.updateUser("user_bob", { firstName: "Rob" });
  await assert.rejects(delivery.settle(), { message: "a bug" });
});

Deno.test("events can be posted twice", async () => {
  const { directory, application, delivery } = start({ copies: 2 });
  directory.updateUser("user_bob", { firstName: "Rob" });
  await delivery.settle();
  assert.deepEqual(names(application.events), ["user.updated", "user.updated"]);
  assert.equal(application.events[0]?.id, application.events[1]?.id);
});

Deno.test("events can be held back and posted in the wrong order", async () => {
  const { directory, application, delivery } = start();
  application.statuses = [500];
  delivery.hold();
  directory.addOrganization("org_new", "New");
  directory.addMembership("user_dave", "org_new", "member");
  directory.removeMembership("user_dave", "org_new");
  await delivery.settle();
  assert.deepEqual(application.events, []);
  delivery.release();
  await delivery.settle();
  const reversed = [
    "organization_membership.deleted",
    "organization_membership.created",
    "organization.created",
  ];
  assert.deepEqual(names(application.events), reversed);
  directory.updateUser("user_bob", { firstName: "Rob" });
  await delivery.settle();
  assert.deepEqual(names(application.events), [...reversed, "user.updated"]);
});

for (const [what, timestamp] of [["an old", Date.now() - 600_000], ["a future", 1e13]] as const) {
  Deno.test(`signatures can bear ${what} timestamp, and are right but for that`, async () => {
    const { emulator, directory, delivery } = start({
      timestamp: () => timestamp,
      async fetch(request) {
        const sigHeader = request.headers.get("workos-signature") ?? "";
        const options = {
          payload: await request.text(),
          sigHeader,
          secret: emulatorCredentials.webhookSecret,
        };
        assert.match(sigHeader, new RegExp(`^t=${timestamp}, v1=[0-9a-f]{64}$`));
        const { webhooks } = createSdk(emulator);
        const late = await webhooks.constructEvent(options).catch((error: unknown) => error);
        assert.equal(late instanceof SignatureVerificationException, what === "an old");
        await webhooks.constructEvent({ ...options, tolerance: Infinity });
        return new Response();
      },
    });
    directory.updateUser("user_bob", { firstName: "Rob" });
    await delivery.settle();
  });
}

Deno.test("the end of a delivery ends its pauses and requests", async () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  const { directory, delivery, attempts } = start({
    wait: (_duration, signal) => untilAborted(signal),
    async fetch({ signal }) {
      if (attempts.length > 0) await untilAborted(signal);
      signal.throwIfAborted();
      return new Response(null, { status: 500 });
    },
  });
  directory.updateUser("user_bob", { firstName: "Rob" });
  while (attempts.length === 0) await Promise.resolve();
  directory.updateUser("user_bob", { firstName: "Bob" });
  await Promise.resolve();
  await delivery.stop();
  assert.deepEqual(attempts, [[1, 500]]);
});

Deno.test({
  name: "a pause lasts as long as it should, unless it is ended, and then leaves no timer",
  sanitizeOps: true,
  async fn() {
    const stop = new AbortController();
    const started = performance.now();
    await delay(5, stop.signal);
    assert.ok(performance.now() - started >= 4);
    const pause = delay(2 ** 31 - 1, stop.signal);
    stop.abort();
    await pause;
  },
});
