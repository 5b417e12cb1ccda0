/** Tables for people: aligned columns, within the terminal's width. */

import { measureWidth, padToWidth } from "./display_width.ts";
import type { Style } from "./output.ts";
import { sanitizeLine } from "./sanitize.ts";

/** The last column is not squeezed below this width. */
const NARROWEST = 24;

const GAP = "  ";

/** What goes into a table. */
export interface Table {
  /** Headings, one a column. */
  columns: string[];
  /** Cells, as many a row as there are columns; cleaned here. */
  rows: string[][];
}

/**
 * Renders a table. The last column is wrapped to fit; where even that does not help, each row
 * becomes a block of lines. Without a terminal a row is one line, for `grep`.
 *
 * @param table see {@link Table}.
 * @param style of the stream it is for.
 */
export function renderTable({ columns, rows }: Table, style: Style): string {
  const cells = rows.map((row) => row.map((cell) => sanitizeLine(cell, Infinity)));
  const last = columns.length - 1;
  const widths = columns.slice(0, last).map((heading, index) =>
    Math.max(...[heading, ...cells.map((row) => row[index] ?? "")].map(measureWidth))
  );
  const indent = widths.reduce((sum, width) => sum + width + GAP.length, 0);
  const room = style.width - indent;
  const longest = Math.max(0, ...cells.map((row) => measureWidth(row[last] ?? "")));
  if (room < Math.min(NARROWEST, longest)) return renderBlocks(columns, cells, style);
  const align = (row: string[]) =>
    row.slice(0, last).map((cell, index) => padToWidth(cell, widths[index] ?? 0));
  const lines = cells.flatMap((row) => {
    const [first = "", ...more] = wrap(row[last] ?? "", room);
    const [name = "", ...others] = align(row);
    return [
      [style.bold(name), ...others, first].join(GAP).trimEnd(),
      ...more.map((line) => " ".repeat(indent) + line),
    ];
  });
  const headings = [...align(columns), columns[last] ?? ""].join(GAP);
  return [style.dim(headings), ...lines].join("\n");
}

function renderBlocks(columns: string[], rows: string[][], style: Style): string {
  const [, ...labels] = columns;
  const width = Math.max(0, ...labels.map(measureWidth));
  const blocks = rows.map(([name = "", ...cells]) =>
    [
      style.bold(name),
      ...labels.map((label, index) =>
        `  ${style.dim(padToWidth(label, width))}  ${cells[index] ?? ""}`
      ),
    ].join("\n")
  );
  return blocks.join("\n\n");
}

/**
 * Breaks a text at its spaces.
 *
 * @param width of a line at most, in columns of the terminal, unless a single word is longer.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && measureWidth(line) + 1 + measureWidth(word) <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
