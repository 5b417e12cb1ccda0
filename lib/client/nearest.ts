/** The word somebody may have meant. */

/**
 * Finds the candidate closest to a misspelt word, in single-letter edits.
 *
 * @param word what was written.
 * @param candidates what there is.
 * @returns undefined if nothing is close enough to be meant.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // Two letters in five may be wrong; more would suggest words nobody had in mind.
  let limit = Math.max(1, Math.round(word.length * 0.4)) + 1;
  for (const candidate of candidates) {
    const distance = countEdits(word.toLowerCase(), candidate.toLowerCase());
    if (distance < limit) [best, limit] = [candidate, distance];
  }
  return best;
}

/** Letters inserted, removed or replaced to make one word of the other (Levenshtein). */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      next.push(Math.min(
        (row[column] ?? 0) + (letter === other ? 0 : 1),
        (row[column + 1] ?? 0) + 1,
        (next[column] ?? 0) + 1,
      ));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
