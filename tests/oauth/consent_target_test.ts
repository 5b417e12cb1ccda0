/** What the consent page says about where the answer goes, and how it shows names. */

import assert from "node:assert/strict";
import { authorizationUrl, createPkce, register } from "../support/oauth_client.ts";
import { createWorld } from "../support/world.ts";

async function showConsent(redirectUri: string, name: string = "App"): Promise<string> {
  const world = await createWorld();
  const { client_id } = await register(world, {
    client_name: name,
    redirect_uris: [redirectUri],
  });
  const url = authorizationUrl({
    client_id,
    redirect_uri: redirectUri,
    code_challenge: createPkce().challenge,
  });
  return (await world.browser().visit(url)).text;
}

for (const host of ["localhost:8443", "app.localhost"]) {
  Deno.test(`https://${host} is this computer too, and warned of (AS-23)`, async () => {
    const page = await showConsent(`https://${host}/cb`);
    assert.ok(page.includes(`this computer (${host})`));
    assert.match(page, /program on this computer/);
  });
}

Deno.test("a website is named by its host, without that warning", async () => {
  const page = await showConsent("https://localhost.example/cb");
  assert.ok(page.includes("<strong>localhost.example</strong>"));
  assert.doesNotMatch(page, /this computer/);
});

Deno.test("half a character in a name is taken out, and cutting a name makes none", async () => {
  assert.match(
    await showConsent("https://app.example/cb", "Safe\ud800 App\udc00"),
    /Allow Safe App\?/,
  );
  const page = await showConsent("https://app.example/cb", `${"x".repeat(59)}🦕🦕`);
  assert.ok(page.includes(`Allow ${"x".repeat(59)}🦕…?`));
  assert.ok(page.isWellFormed() && !page.includes("\ufffd"));
});
