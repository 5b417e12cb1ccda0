/** What tools may see of a request's headers. */

const CREDENTIALS = new Set(["authorization", "cookie"]);

/** Characters that not every proxy on the way reads as this server does. */
const UNREADABLE = /[^\t\x20-\x7e]/;

/** Never equals anything in a message: it announces Base64 and has none. */
const INVALID = "=?base64?*?=";

/**
 * A request's headers without its credentials, so that none travels on to another server with the
 * rest (MCP 2026-07-28, RS-10). A header that mirrors the message reads as invalid where it holds
 * characters that it may not, which the SDK would compare as they are (TR-10, TR-11).
 *
 * Looks through to the headers that came: a filtered copy would cost a tenth of a call.
 */
export class VisibleHeaders extends Headers {
  readonly #all: Headers;

  /** @param all the headers as they came. */
  constructor(all: Headers) {
    super();
    this.#all = all;
  }

  override get(name: string): string | null {
    const lowerCase = name.toLowerCase();
    if (CREDENTIALS.has(lowerCase)) return null;
    const value = this.#all.get(name);
    const unreadable = value !== null && lowerCase.startsWith("mcp-") && UNREADABLE.test(value);
    return unreadable ? INVALID : value;
  }

  override has(name: string): boolean {
    return this.get(name) !== null;
  }

  override *entries(): IterableIterator<[string, string]> {
    for (const name of this.#all.keys()) {
      const value = this.get(name);
      if (value !== null) yield [name, value];
    }
  }

  override [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  override *keys(): IterableIterator<string> {
    for (const [name] of this) yield name;
  }

  override *values(): IterableIterator<string> {
    for (const [, value] of this) yield value;
  }

  /** As with any request that came in. */
  override set(): never {
    throw new TypeError("The headers of a request that came in cannot be changed.");
  }

  override append(): never {
    return this.set();
  }

  override delete(): never {
    return this.set();
  }

  override forEach(callback: (value: string, name: string, headers: this) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }
}
