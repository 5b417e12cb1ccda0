/** JSON that may not be JSON. */

/**
 * Parses a text.
 *
 * @returns undefined for a text that is not JSON.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
