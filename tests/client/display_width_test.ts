import assert from "node:assert/strict";
import { cutToWidth, measureWidth, padToWidth } from "../../lib/client/display_width.ts";

const widths: [string, string, number][] = [
  ["letters", "echo", 4],
  ["Chinese, Japanese, Korean", "漢字かなカナ한국어", 18],
  ["fullwidth forms", "Ａ１！", 6],
  ["halfwidth forms", "ｱｲｳ", 3],
  ["a letter and its accent", "e\u0301", 1],
  ["a picture", "🔍", 2],
  ["a family", "👨‍👩‍👧", 2],
  ["a flag", "🇯🇵", 2],
  ["a picture of a skin colour", "👍🏽", 2],
  ["a sign that is a picture by its selector", "❤️", 2],
  ["the same sign as text", "❤", 1],
  ["what cannot be seen", "\u200b\u2060\ufeff", 0],
  ["quotation marks and dots", "“x”…", 4],
  ["nothing", "", 0],
];
for (const [name, text, width] of widths) {
  Deno.test(`${name} is ${width} columns wide`, () => {
    assert.equal(measureWidth(text), width);
  });
}

Deno.test("a text is cut between what is seen as characters, and padded to columns", () => {
  assert.equal(cutToWidth("検索する", 8), "検索する");
  assert.equal(cutToWidth("検索する", 7), "検索す…");
  assert.equal(cutToWidth("検索する", 6), "検索…");
  assert.equal(cutToWidth("👨‍👩‍👧👨‍👩‍👧", 3), "👨‍👩‍👧…");
  assert.equal(padToWidth("検索", 6), "検索  ");
  assert.equal(padToWidth("検索", 3), "検索");
});
