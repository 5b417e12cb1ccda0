import assert from "node:assert/strict";
import { renderTable } from "../../lib/client/table.ts";

const style = (width: number) => ({
  width,
  bold: (text: string) => text,
  dim: (text: string) => text,
  red: (text: string) => text,
});

const table = {
  columns: ["TOOL", "WHAT IT DOES"],
  rows: [["echo", "Says again what it was told, word for word"], ["whoami", "Tells who you are"]],
};

Deno.test("without a terminal a row is one line", () => {
  assert.equal(
    renderTable(table, style(Infinity)),
    `TOOL    WHAT IT DOES
echo    Says again what it was told, word for word
whoami  Tells who you are`,
  );
});

Deno.test("on a terminal the last column is wrapped", () => {
  assert.equal(
    renderTable(table, style(34)),
    `TOOL    WHAT IT DOES
echo    Says again what it was
        told, word for word
whoami  Tells who you are`,
  );
});

Deno.test("where columns do not fit, a row becomes a block", () => {
  assert.equal(
    renderTable({ columns: ["A", "B", "SCOPES"], rows: [["a", "b", "x ".repeat(20)]] }, style(20)),
    `a
  B       b
  SCOPES  ${"x ".repeat(20).trim()}`,
  );
});

Deno.test("cells are one clean line each", () => {
  const text = renderTable(
    { columns: ["A", "B"], rows: [["a\n\x1b[2J", "b\u202E\r\nc"]] },
    style(80),
  );
  assert.equal(text, "A     B\na [2J  b c".replace("A     B", "A      B"));
});

Deno.test("columns line up under characters two columns wide, marks and pictures", () => {
  const rows = [["検索", "さがす"], ["cafe\u0301", "x"], ["👨‍👩‍👧 ok", "y"], ["ab", "z"]];
  assert.equal(
    renderTable({ columns: ["TOOL", "WHAT"], rows }, style(80)),
    `TOOL   WHAT
検索   さがす
cafe\u0301   x
👨‍👩‍👧 ok  y
ab     z`,
  );
});

Deno.test("lines of wide characters are as long as they look", () => {
  const text = "一二三 四五六 七八九 一二三 四五六 七八九";
  assert.equal(
    renderTable({ columns: ["A", "B"], rows: [["a", text]] }, style(27)),
    `A  B
a  一二三 四五六 七八九
   一二三 四五六 七八九`,
  );
});
