/** The pages in a real browser: they can be used, in light and dark, and break no policy. */

import assert from "node:assert/strict";
import type { Page } from "puppeteer-core";
import { findAccessibilityProblems, testInChromium } from "./support/chromium.ts";
import { authorizationUrl, createPkce } from "./support/oauth_client.ts";
import { runClient } from "./support/client_process.ts";
import { startServerProcess } from "./support/server_process.ts";
import { withTempDirectory } from "./support/temp_directory.ts";

/** Waits for a button by its text, and presses it. */
async function press(page: Page, text: string): Promise<void> {
  await page.locator(`button ::-p-text(${text}), button::-p-text(${text})`).click();
}

async function waitForHeading(page: Page, text: string): Promise<void> {
  await page.locator(`h1::-p-text(${text})`).wait();
}

/** A wrong request of an app on a website. */
async function refusedUrl(server: string): Promise<string> {
  const response = await fetch(`${server}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: ["https://app.example/cb"] }),
  });
  const { client_id } = await response.json();
  return `${server}/authorize?${new URLSearchParams({ client_id, response_type: "token" })}`;
}

/** The authorization request of an app that knows who will sign in. */
async function requestUrl(server: string, loginHint: string, redirectUri: string): Promise<string> {
  const response = await fetch(`${server}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Notes", redirect_uris: [redirectUri] }),
  });
  const { client_id } = await response.json();
  const { search } = new URL(authorizationUrl({
    client_id,
    redirect_uri: redirectUri,
    code_challenge: createPkce().challenge,
    login_hint: loginHint,
    resource: `${server}/mcp`,
  }));
  return `${server}/authorize${search}`;
}

for (const scheme of ["light", "dark"]) {
  testInChromium(
    `a person chooses an organization, or is turned away, in ${scheme}`,
    async (browser) => {
      const page = await browser.newPage();
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await using server = await startServerProcess({ WORKOS_REQUIRED_CLAIMS: '{"org_id":"*"}' });
      await using app = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen() {} },
        () => new Response("the app"),
      );
      const redirectUri = `http://127.0.0.1:${app.addr.port}/callback`;
      await page.goto(await requestUrl(server.url, "carol@globex.test", redirectUri));
      await press(page, "Allow");
      await waitForHeading(page, "Choose an organization");
      assert.deepEqual(await findAccessibilityProblems(page), []);
      await Promise.all([page.waitForNavigation(), press(page, "Globex")]);
      assert.ok(page.url().startsWith(redirectUri), page.url());
      assert.ok(new URL(page.url()).searchParams.get("code"));

      await page.goto(await requestUrl(server.url, "dave@solo.test", "https://app.example/cb"));
      await press(page, "Allow");
      await waitForHeading(page, "You are not signed in");
      assert.deepEqual(await findAccessibilityProblems(page), []);
      await page.locator("p ::-p-text(WorkOS claim: org_id), p::-p-text(WorkOS claim: org_id)")
        .wait();
    },
  );

  testInChromium(`a person signs in through the pages in ${scheme}`, async (browser) => {
    const page = await browser.newPage();
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await using server = await startServerProcess();

    const signIn = async (url: string) => {
      await page.goto(url);
      assert.equal(await page.title(), "Allow WorkOS MCP client?");
      assert.deepEqual(await findAccessibilityProblems(page), []);
      await press(page, "Allow");

      await waitForHeading(page, "Sign in");
      assert.deepEqual(await findAccessibilityProblems(page), []);
      await press(page, "alice@acme.test");

      await waitForHeading(page, "You are signed in");
      assert.deepEqual(await findAccessibilityProblems(page), []);
    };
    await withTempDirectory(async (cache) => {
      const run = await runClient([`${server.url}/mcp`], cache, signIn);
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /alice@acme\.test/);
    });

    await page.goto(server.url);
    assert.deepEqual(await findAccessibilityProblems(page), []);
    await page.goto(`${server.url}/authorize`);
    await waitForHeading(page, "This app cannot be connected");
    assert.deepEqual(await findAccessibilityProblems(page), []);
    await page.goto(await refusedUrl(server.url));
    await page.locator("a ::-p-text(Go back to app.example)").wait();
    assert.deepEqual(await findAccessibilityProblems(page), []);
    assert.deepEqual(complaints.filter((text) => !/status of 40[04]/.test(text)), []);
  });
}

testInChromium("the back button, denying and a narrow screen work", async (browser) => {
  const page = await browser.newPage();
  await page.setViewport({ width: 320, height: 640 });
  await using server = await startServerProcess();
  const deny = async (url: string) => {
    await page.goto(url);
    const overflow = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
    assert.equal(overflow, false, "nothing is cut off");
    await press(page, "Allow");
    await waitForHeading(page, "Sign in");
    await page.goBack();
    await press(page, "Deny");
    await waitForHeading(page, "The sign-in did not finish");
  };
  await withTempDirectory(async (cache) => {
    const run = await runClient([`${server.url}/mcp`], cache, deny);
    assert.equal(run.code, 3, run.stderr);
  });
});
