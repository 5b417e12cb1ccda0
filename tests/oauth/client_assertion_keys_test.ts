import assert from "node:assert/strict";
import { exportJWK, type JWK } from "jose";
import { foreign, KEYS_URL, prepare, present, publicKey, sign } from "../support/signing_client.ts";

Deno.test("keys at jwks_uri are fetched once, and anew when another key signs", async () => {
  const world = await prepare({ jwks_uri: KEYS_URL });
  const fetched = () => world.documentRequests.filter((url) => url === KEYS_URL).length;
  world.documents.set(KEYS_URL, () => Response.json({ keys: [publicKey] }));
  for (let i = 0; i < 3; i++) assert.equal((await present(world, await sign(world))).status, 200);
  assert.equal(fetched(), 1);

  const next: JWK = { ...await exportJWK(foreign.publicKey), kid: "next" };
  world.documents.set(KEYS_URL, () => Response.json({ keys: [next] }));
  const signNext = () => sign(world, {}, { key: foreign.privateKey, kid: "next" });
  assert.equal((await present(world, await signNext())).status, 401);
  assert.equal(fetched(), 1, "within half a minute nothing is fetched again");
  world.advance(30_001);
  assert.equal((await present(world, await signNext())).status, 200);
  assert.equal((await present(world, await sign(world))).status, 401, "the old key is gone");
  assert.equal(fetched(), 2);
});

Deno.test("keys that cannot be had now are no refusal", async () => {
  const world = await prepare({ jwks_uri: KEYS_URL });
  world.documents.set(KEYS_URL, () => new Response(null, { status: 502 }));
  const { status, error } = await present(world, await sign(world));
  assert.equal(`${status} ${error}`, "503 temporarily_unavailable");
});

Deno.test("keys that are none are a refusal, not a failure of this server", async () => {
  const bad: unknown[] = [
    { keys: [] },
    { keys: "none" },
    [],
    { keys: [{ kty: "EC", crv: "P-256", kid: "own" }] },
    { keys: [{ kty: "EC", crv: "P-256", x: "AA", y: "AA", kid: "own" }] },
    { keys: [{ kty: "EC", crv: "P-1", x: "AA", y: "AA", kid: "own" }] },
    { keys: [{ kty: "unheard of", kid: "own" }] },
    { keys: [{ ...publicKey, x: 7 }] },
    { keys: [{ ...publicKey, key_ops: ["sign"] }] },
    { keys: [publicKey, publicKey] },
  ];
  for (const keys of bad) {
    const world = await prepare({ jwks_uri: KEYS_URL });
    world.documents.set(KEYS_URL, () => Response.json(keys));
    const { status, error, message } = await present(world, await sign(world));
    assert.equal(`${status} ${error}`, "401 invalid_client", `${JSON.stringify(keys)} ${message}`);
  }
});
