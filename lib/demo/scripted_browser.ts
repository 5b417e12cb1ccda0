/**
 * A browser without a window: keeps cookies, follows redirects, presses buttons. It lets the demo
 * and the tests go through the same pages as a person.
 */

/** What a visit ended with. */
export interface Page {
  url: string;
  status: number;
  headers: Headers;
  text: string;
}

/** What {@link createScriptedBrowser} needs. */
export interface ScriptedBrowserOptions {
  fetch: (request: Request) => Promise<Response>;
  /** URLs that are not fetched but ended with, status 0: where an app takes over. */
  stopAt?: (url: string) => boolean;
}

/** Visits pages and submits their forms. */
export interface ScriptedBrowser {
  visit(url: string): Promise<Page>;
  /**
   * Submits the page's form.
   *
   * @param values what is pressed or typed, beside the hidden fields.
   */
  submit(page: Page, values: Readonly<Record<string, string>>): Promise<Page>;
  /** Cookies by host, for looking and for tampering. */
  cookies: Map<string, Map<string, string>>;
}

const MAX_REDIRECTS = 20;

/** Makes a browser with an empty cookie jar. */
export function createScriptedBrowser(
  { fetch, stopAt = () => false }: ScriptedBrowserOptions,
): ScriptedBrowser {
  const cookies = new Map<string, Map<string, string>>();

  const send = async (request: Request): Promise<Response> => {
    // Cookies know hosts, not ports (RFC 6265 §8.5).
    const { hostname } = new URL(request.url);
    const jar = cookies.get(hostname) ?? new Map<string, string>();
    cookies.set(hostname, jar);
    if (jar.size > 0) {
      request.headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    }
    const response = await fetch(request);
    for (const line of response.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const [name = "", ...value] = pair.split("=");
      if (attributes.some((attribute) => /^max-age=0$/i.test(attribute))) jar.delete(name);
      else jar.set(name, value.join("="));
    }
    return response;
  };

  const follow = async (first: Request): Promise<Page> => {
    let request = first;
    for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
      const { url } = request;
      if (stopAt(url)) return { url, status: 0, headers: new Headers(), text: "" };
      const response = await send(request);
      const location = response.headers.get("location");
      if (location === null || response.status < 300 || response.status >= 400) {
        const { status, headers } = response;
        return { url, status, headers, text: await response.text() };
      }
      await response.body?.cancel();
      request = new Request(new URL(location, url), { headers: { accept: "text/html" } });
    }
    throw new Error(`More than ${MAX_REDIRECTS} redirects from ${first.url}`);
  };

  return {
    cookies,
    visit: (url) => follow(new Request(url, { headers: { accept: "text/html" } })),
    submit(page, values) {
      const { action, fields } = readForm(page);
      return follow(
        new Request(action, {
          method: "POST",
          headers: {
            accept: "text/html",
            "content-type": "application/x-www-form-urlencoded",
            origin: new URL(page.url).origin,
            "sec-fetch-site": "same-origin",
          },
          body: new URLSearchParams({ ...fields, ...values }).toString(),
        }),
      );
    },
  };
}

/**
 * Reads the only form of a page.
 *
 * @throws {Error} when there is none, with the page's heading.
 */
export function readForm(page: Page): { action: string; fields: Record<string, string> } {
  const [, attributes, content = ""] = /<form\b([^>]*)>([\s\S]*?)<\/form>/.exec(page.text) ?? [];
  if (attributes === undefined) {
    const heading = /<h1>([^<]*)</.exec(page.text)?.[1] ?? page.text.slice(0, 200);
    throw new Error(`No form at ${new URL(page.url).pathname} (${page.status}): ${heading}`);
  }
  const action = /\baction="([^"]*)"/.exec(attributes)?.[1];
  const fields: Record<string, string> = {};
  for (const [input] of content.matchAll(/<input\b[^>]*>/g)) {
    const name = /\bname="([^"]*)"/.exec(input)?.[1];
    const value = /\bvalue="([^"]*)"/.exec(input)?.[1] ?? "";
    if (name !== undefined) fields[unescapeHtml(name)] = unescapeHtml(value);
  }
  const target = action ? unescapeHtml(action) : page.url;
  return { action: new URL(target, page.url).href, fields };
}

function unescapeHtml(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}
