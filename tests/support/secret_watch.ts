/**
 * Nothing secret is logged, at any level: whatever passes through a test's servers is watched, and
 * when the test ends, each secret among it is looked for in all that they logged.
 */

/** Parameters of URLs and forms, and members of JSON requests. */
const SENT = new Set([
  "access_token",
  "client_assertion",
  "client_secret",
  "code",
  "code_verifier",
  "email",
  "login_hint",
  "refresh_token",
  "request",
  "state",
  "token",
]);

/** Members of JSON answers. A `code` there is that of an error. */
const ANSWERED = new Set([
  "access_token",
  "client_secret",
  "email",
  "first_name",
  "last_name",
  "pending_authentication_token",
  "profile_picture_url",
  "refresh_token",
]);

/** People's names are short, and still nobody's business; as words, since an id may hold the letters. */
const NAMES = new Set(["first_name", "last_name"]);

/** Shorter values, such as a `state` of one letter, would be found in anything. */
const MIN_LENGTH = 8;

/** From here on a piece of the middle stands for the whole, so that a cut secret is found too. */
const LONG = 40;

/** What secrets look like, for servers whose traffic is out of sight. */
const SHAPES: Record<string, RegExp> = {
  "a token, state, verifier, cookie or sealed value": /[\w-]{43,}/,
  "a signed token": /\beyJ[\w-]+\./,
  "an API key": /\bsk_test_\w+/,
  "an e-mail address": /\S+@\w+\.test\b/,
};

/** A secret in a log. Names its kind and the event it is in, never the secret. */
export interface Leak {
  kind: string;
  event: string;
}

/** Collects secrets, and finds them in logs. */
export interface SecretWatch {
  /** Makes a handler whose requests and answers are looked through as they pass. */
  watch<Rest extends unknown[]>(
    handler: (request: Request, ...rest: Rest) => Promise<Response>,
  ): (request: Request, ...rest: Rest) => Promise<Response>;
  /** Has lines searched; `shapes` also for whatever looks like a secret. */
  watchLog(readLines: () => readonly string[], search?: { shapes: boolean }): void;
  /** Finds every kind of secret in every event once. */
  findLeaks(): Promise<Leak[]>;
}

/** Makes a watch that has seen nothing. */
export function createSecretWatch(): SecretWatch {
  /** Kinds by secret. */
  const secrets = new Map<string, string>();
  const logs: (() => Leak[])[] = [];
  const pending: Promise<void>[] = [];

  const add = (kind: string, value: string) => {
    if (value.length >= (NAMES.has(kind) ? 3 : MIN_LENGTH)) secrets.set(value, kind);
  };
  const addParameters = (parameters: URLSearchParams) => {
    for (const [name, value] of parameters) if (SENT.has(name)) add(name, value);
  };
  const addMembers = (body: unknown, names: ReadonlySet<string>) => {
    if (typeof body !== "object" || body === null) return;
    for (const [name, value] of Object.entries(body)) {
      if (typeof value === "string" && names.has(name)) add(name, value);
      else addMembers(value, names);
    }
  };
  const addBody = (type: string | null, text: string, names: ReadonlySet<string>) => {
    if (type?.startsWith("application/x-www-form-urlencoded")) {
      addParameters(new URLSearchParams(text));
    } else if (type?.startsWith("text/html")) {
      add("request", /name="request" value="([^"]+)"/.exec(text)?.[1] ?? "");
    } else if (type?.startsWith("application/json") && isJson(text)) {
      addMembers(JSON.parse(text), names);
    }
  };
  const addRequest = async (request: Request) => {
    const { headers, url } = request;
    const parsed = URL.parse(url);
    if (parsed) addParameters(parsed.searchParams);
    add("authorization", /^\w+ +(.+)$/.exec(headers.get("authorization") ?? "")?.[1] ?? "");
    for (const cookie of headers.get("cookie")?.split("; ") ?? []) add("cookie", valueOf(cookie));
    addBody(headers.get("content-type"), await readText(request), SENT);
  };
  const addResponse = async (response: Response) => {
    const { headers } = response;
    const location = URL.parse(headers.get("location") ?? "");
    if (location) addParameters(location.searchParams);
    for (const cookie of headers.getSetCookie()) add("cookie", valueOf(cookie));
    const type = headers.get("content-type");
    // A stream of events has no end to wait for, and a copy of it none that could cancel it.
    if (type?.startsWith("text/event-stream")) return;
    addBody(type, await readText(response.clone()), ANSWERED);
  };

  return {
    watch: (handler) => async (request, ...rest) => {
      pending.push(addRequest(request.clone()));
      const response = await handler(request, ...rest);
      pending.push(addResponse(response));
      return response;
    },
    watchLog(readLines, { shapes } = { shapes: false }) {
      logs.push(() => {
        const lines = readLines();
        const text = lines.join("");
        const find = (kind: string, isIn: (text: string) => boolean): Leak[] =>
          isIn(text) ? lines.filter(isIn).map((line) => ({ kind, event: readEvent(line) })) : [];
        const looks = shapes ? Object.entries(SHAPES) : [];
        return [
          ...looks.flatMap(([kind, shape]) => find(kind, (text) => shape.test(text))),
          ...secrets.entries().flatMap(([secret, kind]) => {
            const spellings = spell(secret);
            const name = NAMES.has(kind) &&
              new RegExp(`(?<![\\w-])${RegExp.escape(secret)}(?![\\w-])`);
            return find(
              kind,
              (text) =>
                name ? name.test(text) : spellings.some((spelling) => text.includes(spelling)),
            );
          }),
        ];
      });
    },
    async findLeaks() {
      await Promise.all(pending);
      const leaks = logs.flatMap((search) => search());
      return [...new Map(leaks.map((leak) => [`${leak.kind} ${leak.event}`, leak])).values()];
    },
  };
}

let current = createSecretWatch();

/** The watch of the test that runs. */
export function getSecretWatch(): SecretWatch {
  return current;
}

Deno.test.afterEach(async () => {
  const watch = current;
  current = createSecretWatch();
  const leaks = await watch.findLeaks();
  if (leaks.length === 0) return;
  const found = leaks.map(({ kind, event }) => `${kind} in ${event}`).join(", ");
  throw new Error(`The log holds secrets: ${found}.`);
});

/** As it stands, in a URL and in JSON, which is also how logfmt quotes. */
function spell(secret: string): string[] {
  const middle = Math.floor(secret.length / 2);
  const piece = secret.length < LONG ? secret : secret.slice(middle - 10, middle + 10);
  const encoded = encodeURIComponent(piece.toWellFormed());
  return [...new Set([piece, encoded, JSON.stringify(piece).slice(1, -1)])];
}

/** The event's code in a line of JSON or of logfmt. */
function readEvent(line: string): string {
  return /"message":"(\w+)"|\bmsg=(\w+)/.exec(line)?.slice(1).find(Boolean) ?? "a line of its own";
}

function valueOf(cookie: string): string {
  return /=([^;]*)/.exec(cookie)?.[1] ?? "";
}

/** Whoever sent it may have gone away in the middle; what is read by then is nobody's secret. */
async function readText(message: Request | Response): Promise<string> {
  try {
    return await message.text();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "";
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}
