/** Makes text of a server fit to be shown: a terminal obeys control characters, it does not show them. */

// Control characters (C0, DEL, C1), lone surrogates, and the marks that reorder what is read.
const OBEYED_NOT_SHOWN = /[\p{Cc}\p{Cs}\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/**
 * Removes control and reordering characters; line breaks and tabs stay.
 *
 * @param text any text from outside.
 */
export function sanitizeText(text: string): string {
  return text.replaceAll(
    OBEYED_NOT_SHOWN,
    (character) => /[\n\t]/.test(character) ? character : "",
  );
}

/**
 * Makes one short line of a text, for use inside a sentence of ours.
 *
 * @param text any text from outside.
 * @param limit characters to keep.
 */
export function sanitizeLine(text: string, limit = 300): string {
  const line = sanitizeText(text).replaceAll(/\s+/g, " ").trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
