import assert from "node:assert/strict";
import { startEmulator } from "../../../lib/workos/emulator/start_emulator.ts";
import { testNeeding } from "../../support/needs.ts";
import { createSdk } from "./support.ts";

testNeeding(
  { net: true },
  "the emulator beside a server posts events to it, with the secret it hands out",
  async () => {
    const received = Promise.withResolvers<[string, string]>();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        received.resolve([
          await request.text(),
          request.headers.get("workos-signature") ?? "",
        ]);
        return new Response();
      },
    );
    const baseUrl = `http://127.0.0.1:${server.addr.port}`;
    const emulator = startEmulator({ baseUrl, workos: {} });
    const { apiUrl, webhookSecret } = emulator.workos;
    const sdk = createSdk({
      fetch: (request) => fetch(request.url.replace("http://localhost:4100", apiUrl), request),
    });
    await sdk.userManagement.deleteUser("user_dave");
    const [payload, sigHeader] = await received.promise;
    const event = await sdk.webhooks.constructEvent({
      payload,
      sigHeader,
      secret: webhookSecret ?? "",
    });
    assert.equal(event.event, "user.deleted");
    await emulator.stop();
  },
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
