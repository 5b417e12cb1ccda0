/** Reading settings one by one, with what is wrong collected. */

import { parseJson } from "./json.ts";
import { isLoopbackHost } from "./loopback.ts";

/** Reads one setting at a time and collects what is wrong. */
export class Settings {
  /** One sentence a problem, naming the setting and the fix. */
  readonly problems: string[] = [];

  /** @param env the environment. An empty value counts as not set. */
  constructor(private readonly env: Readonly<Record<string, string | undefined>>) {}

  /** The value without the blanks around it. */
  get(name: string): string | undefined {
    return this.env[name]?.trim() || undefined;
  }

  /**
   * An http or https origin; http only on this machine, since keys and tokens pass there.
   *
   * @param scheme goes before a value that has none.
   */
  origin(name: string, fallback: string, scheme?: string): URL {
    const value = this.get(name) ?? fallback;
    const url = URL.parse(scheme && !/^\w+:\/\//.test(value) ? scheme + value : value);
    if (!url || !["http:", "https:"].includes(url.protocol)) {
      this.problems.push(`${name} is not an http or https URL. Example: https://mcp.example.com`);
      return new URL(fallback || "https://invalid");
    }
    if (url.pathname !== "/" || url.search || url.hash || url.username || url.password) {
      this.problems.push(
        `${name} must be an origin such as ${url.origin}, without a path, a query or a user.`,
      );
    }
    if (url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
      this.problems.push(
        `${name} is http on a public host (${url.hostname}). Use https: keys and tokens pass there.`,
      );
    }
    return url;
  }

  /** An id of WorkOS with its prefix, such as `org_`. */
  id(name: string, prefix: string): string | undefined {
    const value = this.get(name);
    if (value && !(value.startsWith(prefix) && /^\w+$/.test(value))) {
      this.problems.push(
        `${name} does not look like ${prefix}... . Copy it from the WorkOS dashboard.`,
      );
    }
    return value;
  }

  /** A whole number within a range. */
  integer(name: string, fallback: string, range: { min: number; max: number }): number {
    const text = this.get(name) ?? fallback;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < range.min || value > range.max) {
      this.problems.push(`${name} must be a whole number from ${range.min} to ${range.max}.`);
      return Number(fallback);
    }
    return value;
  }

  /** One of a few words, in any case. */
  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const text = this.get(name)?.toLowerCase();
    if (text === undefined) return fallback;
    const choice = choices.find((choice) => choice === text);
    if (!choice) this.problems.push(`${name} must be one of ${choices.join(", ")}.`);
    return choice ?? fallback;
  }

  /** A JSON array, or tokens (RFC 6749 §3.3) separated by spaces or commas. */
  scopes(name: string): string[] | undefined {
    const text = this.get(name);
    if (text === undefined) return undefined;
    const list = text.startsWith("[") ? parseJson(text) : text.split(/[\s,]+/).filter(Boolean);
    const isScope = (value: unknown): value is string =>
      typeof value === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value);
    const isList = Array.isArray(list) && list.every(isScope);
    if (!isList || !list.some((scope) => scope !== "offline_access")) {
      this.problems.push(
        `${name} is not a list of scopes that a request can need. Write ["profile", "email"] or ` +
          "profile email.",
      );
      return undefined;
    }
    return [...new Set(list)];
  }
}
