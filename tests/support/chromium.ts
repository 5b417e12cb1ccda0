/** A real browser, where there is one. */

import type { Browser, Page } from "puppeteer-core";
import { type Needs, testNeeding } from "./needs.ts";

const NEEDS: Needs = { net: true, run: true, read: true, write: true, env: true, sys: true };

const PATHS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/**
 * Registers a test in Chromium. It is ignored, with the reason in its name, where a permission or
 * the browser is missing.
 *
 * @param name a sentence of behaviour.
 * @param work the test.
 */
export function testInChromium(name: string, work: (browser: Browser) => Promise<void>): void {
  const path = findChromium();
  if (path === undefined && isGranted("read")) {
    Deno.test({ name: `${name} [needs Chromium]`, ignore: true, fn() {} });
    return;
  }
  testNeeding(NEEDS, name, async () => {
    // Imported here: it looks into the environment when it is loaded.
    const { launch } = await import("puppeteer-core");
    const browser = await launch({
      executablePath: path ?? "chromium",
      args: ["--no-sandbox", "--disable-quic", "--disable-background-networking"],
    });
    try {
      await work(browser);
    } finally {
      await browser.close();
    }
  });
}

/** What assistive technology would stumble over on a page, by axe-core's rules. */
export async function findAccessibilityProblems(page: Page): Promise<string[]> {
  const { default: axe } = await import("axe-core");
  const problems: unknown = await page.evaluate(
    `(() => { ${axe.source}; return axe.run().then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))
    })()`,
  );
  return problems as string[];
}

function isGranted(name: "read"): boolean {
  return Deno.permissions.querySync({ name }).state === "granted";
}

function findChromium(): string | undefined {
  if (!isGranted("read")) return undefined;
  return PATHS.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}
