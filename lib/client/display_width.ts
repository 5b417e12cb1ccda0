/** How much room a text takes on a terminal, which is not how many characters it has. */

const GRAPHEMES = new Intl.Segmenter();

/** What is seen. Marks, joiners and the like take no room of their own. */
const VISIBLE = /[^\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Cs}]/v;

/** One picture, however many characters it is made of: flags, families, keycaps. */
const EMOJI = /^\p{RGI_Emoji}$/v;

/**
 * Characters two columns wide: those of East Asian scripts, with their punctuation and fullwidth
 * forms, and pictures (Unicode Standard Annex #11, W and F). Whole blocks, so that a character which
 * Unicode adds to one is right already.
 */
const WIDE =
  /[\u1100-\u115F\u2329\u232A\u2630-\u2637\u268A-\u268F\u2E80-\u303E\u3041-\u3247\u3250-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE10-\uFE19\uFE30-\uFE6B\uFF01-\uFF60\uFFE0-\uFFE6\u{16FE0}-\u{18DFF}\u{1AFF0}-\u{1B2FF}\u{1D300}-\u{1D376}\u{1F200}-\u{1F265}\u{20000}-\u{3FFFD}\p{Emoji_Presentation}]/u;

/**
 * Counts the columns that one line of text takes.
 *
 * @param text without control characters.
 */
export function measureWidth(text: string): number {
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += measureGrapheme(segment);
  return width;
}

/** A text with spaces after it, up to a width in columns. */
export function padToWidth(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - measureWidth(text)));
}

/** A text, or as much of its beginning as fits a width in columns together with a sign of that. */
export function cutToWidth(text: string, width: number): string {
  if (measureWidth(text) <= width) return text;
  let kept = "";
  let room = width - 1;
  for (const { segment } of GRAPHEMES.segment(text)) {
    room -= measureGrapheme(segment);
    if (room < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

function measureGrapheme(grapheme: string): number {
  const [base] = VISIBLE.exec(grapheme) ?? [];
  if (base === undefined) return 0;
  return EMOJI.test(grapheme) || WIDE.test(base) ? 2 : 1;
}
