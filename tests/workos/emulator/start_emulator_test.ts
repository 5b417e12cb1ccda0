import assert from "node:assert/strict";
import type { WorkOS } from "@workos-inc/node";
import {
  type RunningEmulator,
  startEmulator,
} from "../../../lib/workos/emulator/start_emulator.ts";
import { testNeeding } from "../../support/needs.ts";
import { createSdk, ORIGIN } from "./support.ts";

function serve(handler: Deno.ServeHandler): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
}

/** Settings of a server that listens there. */
function configOf({ addr }: Deno.HttpServer<Deno.NetAddr>) {
  return { baseUrl: `http://127.0.0.1:${addr.port}`, workos: {} };
}

function createSdkOf({ workos: { apiUrl } }: RunningEmulator): WorkOS {
  return createSdk({ fetch: (request) => fetch(request.url.replace(ORIGIN, apiUrl), request) });
}

testNeeding(
  { net: true },
  "the emulator beside a server posts events to it, with the secret it hands out",
  async () => {
    const arrived = Promise.withResolvers<{ payload: string; sigHeader: string }>();
    await using server = serve(async (request) => {
      const sigHeader = request.headers.get("workos-signature") ?? "";
      arrived.resolve({ payload: await request.text(), sigHeader });
      return new Response();
    });
    const emulator = startEmulator(configOf(server));
    const sdk = createSdkOf(emulator);
    await sdk.userManagement.deleteUser("user_dave");
    const secret = emulator.workos.webhookSecret ?? "";
    const event = await sdk.webhooks.constructEvent({ ...await arrived.promise, secret });
    assert.equal(event.event, "user.deleted");
    await emulator.stop();
  },
);

testNeeding(
  { net: true },
  "the emulator beside a server leaves no attempt behind when it stops",
  async () => {
    const arrived = Promise.withResolvers<void>();
    await using server = serve(async (request) => {
      await request.body?.cancel();
      arrived.resolve();
      return new Response(null, { status: 500 });
    });
    const emulator = startEmulator(configOf(server));
    await createSdkOf(emulator).userManagement.deleteUser("user_dave");
    await arrived.promise;
    await emulator.stop();
  },
  { sanitizeOps: true },
);

testNeeding(
  { net: true },
  "the emulator beside a server posts nothing when events are off",
  async () => {
    const emulator = startEmulator({
      baseUrl: "http://localhost:8000",
      workos: { events: "off" },
    });
    assert.equal("webhookSecret" in emulator.workos, false);
    await emulator.stop();
  },
);
