/** JSON that a person typed, whose numbers are to arrive as they were typed. */

/** A number that does not fit: it would become another one on its way, or none. */
export class InexactNumberError extends Error {
  readonly code = "inexact_number";

  /** @param text the number as it was typed. */
  constructor(readonly text: string) {
    super(`${text} is too large, or has too many digits, to arrive as it is`);
    this.name = "InexactNumberError";
  }
}

/**
 * Parses a text. Fractions are rounded, as everywhere; integers are not.
 *
 * @throws {SyntaxError} if it is not JSON.
 * @throws {InexactNumberError}
 */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text, (_name, value: unknown, context?: { source?: string }) => {
    if (typeof value !== "number") return value;
    const source = context?.source ?? String(value);
    const isExact = /^-?\d+$/.test(source) ? Number.isSafeInteger(value) : Number.isFinite(value);
    if (!isExact) throw new InexactNumberError(source);
    return value;
  });
}
