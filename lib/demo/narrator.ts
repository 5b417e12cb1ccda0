/** Tells the sign-in as it happens: seven steps, a line each, secrets shortened. */

import { redactSecrets } from "../log.ts";

/** One request and its answer. */
export interface Exchange {
  method: string;
  url: URL;
  /** Body of the request, as text. */
  body: string;
  authorized: boolean;
  status: number;
  headers: Headers;
  /** Body of the answer, as text. */
  answer: string;
}

interface Step {
  title: string;
  /** Whether this exchange is the step. */
  matches(exchange: Exchange): boolean;
  sent(exchange: Exchange): string;
  received(exchange: Exchange): string;
}

const STEPS: readonly Step[] = [{
  title: "Client request",
  matches: ({ url, status }) => url.pathname === "/mcp" && status === 401,
  sent: ({ method, url }) => `${method} ${url.href} without a token`,
  received: ({ status }) => `${status} Unauthorized`,
}, {
  title: "Auth challenge",
  matches: ({ url, status }) => url.pathname === "/mcp" && status === 401,
  sent: () => "read WWW-Authenticate",
  received: ({ headers }) => headers.get("www-authenticate") ?? "nothing",
}, {
  title: "OAuth discovery",
  matches: ({ url, status }) => url.pathname === "/register" && status === 201,
  sent: () => "GET resource metadata, GET server metadata, POST /register",
  received: ({ url, answer }) =>
    `issuer ${url.origin}, client ${shorten(readMember(answer, "client_id"))}`,
}, {
  title: "Authorization",
  matches: ({ url, status }) => url.pathname === "/consent" && status === 303,
  sent: () => "GET /authorize with a PKCE challenge, consent page: Allow",
  received: ({ headers, status }) => `${status} to WorkOS: ${readTarget(headers)}`,
}, {
  title: "Callback",
  matches: ({ url, status }) => url.pathname === "/auth/callback" && status === 303,
  sent: ({ url }) => `signed in at WorkOS, GET ${url.pathname}?${shortenQuery(url)}`,
  received: ({ headers, status }) => `${status} to the client: ${readTarget(headers)}`,
}, {
  title: "Token exchange",
  matches: ({ url, status }) => url.pathname === "/token" && status === 200,
  sent: ({ body }) => {
    const form = new URLSearchParams(body);
    return `POST /token code=${shorten(form.get("code"))} with the PKCE verifier`;
  },
  received: ({ answer }) =>
    `${shorten(readMember(answer, "access_token"))} for ${readMember(answer, "expires_in")} s, ` +
    `${shorten(readMember(answer, "refresh_token"))}`,
}, {
  title: "API calls",
  matches: ({ url, body, status }) =>
    url.pathname === "/mcp" && status === 200 && body.includes('"tools/call"'),
  sent: ({ url, authorized }) =>
    `POST ${url.href} tools/call ${authorized ? "with the token" : "without a token"}`,
  received: ({ status, headers }) => `${status} ${headers.get("content-type") ?? ""}`,
}];

/**
 * Makes a listener that prints each step when its exchange comes by, in order.
 *
 * @param print receives a line without its newline.
 * @param color whether to use colours.
 */
export function createNarrator(
  print: (line: string) => void,
  color: boolean,
): (exchange: Exchange) => void {
  const paint = (code: number, text: string) => color ? `\x1b[${code}m${text}\x1b[0m` : text;
  const width = Math.max(...STEPS.map(({ title }) => title.length));
  let next = 0;
  return (exchange) => {
    for (let step = STEPS[next]; step?.matches(exchange); step = STEPS[next]) {
      next++;
      const heading = `${next} ${step.title.padEnd(width)}`;
      const sent = redactSecrets(step.sent(exchange));
      const received = redactSecrets(step.received(exchange));
      print(`${paint(1, heading)}  ${sent} ${paint(36, "->")} ${paint(32, received)}`);
    }
  };
}

/**
 * Lets a narrator listen to a `fetch`.
 *
 * @param fetch what is called; redirects must come back as they are.
 * @param tell hears of every exchange.
 */
export function listenTo(
  fetch: (request: Request) => Promise<Response>,
  tell: (exchange: Exchange) => void,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { method, url, headers } = request;
    const body = await request.clone().text();
    const response = await fetch(request);
    const streamed = response.headers.get("content-type")?.startsWith("text/event-stream");
    tell({
      method,
      url: new URL(url),
      body,
      authorized: headers.has("authorization"),
      status: response.status,
      headers: response.headers,
      answer: streamed ? "" : await response.clone().text(),
    });
    return response;
  };
}

/** Enough to recognise a value, too little to use it. */
function shorten(value: string | null): string {
  if (value === null) return "nothing";
  const prefix = /^(?:wmcp_[a-z]+_)?/.exec(value)?.[0] ?? "";
  return value.length <= prefix.length + 6 ? value : `${value.slice(0, prefix.length + 4)}…`;
}

function shortenQuery({ searchParams }: URL): string {
  return [...searchParams].map(([name, value]) =>
    `${name}=${name === "code" || name === "state" ? shorten(value) : value}`
  ).join("&");
}

function readTarget(headers: Headers): string {
  const url = new URL(headers.get("location") ?? "about:blank");
  const shown = new URL(url);
  for (const name of [...shown.searchParams.keys()]) {
    if (!["provider", "code", "state", "iss"].includes(name)) shown.searchParams.delete(name);
  }
  return `${url.origin}${url.pathname}?${shortenQuery(shown)}`;
}

function readMember(json: string, name: string): string {
  const value: unknown = JSON.parse(json)[name];
  return String(value);
}
