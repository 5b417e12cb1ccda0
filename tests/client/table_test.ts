import assert from "node:assert/strict";
import { renderTable } from "../../lib/client/table.ts";

const style = (width: number) => ({
  width,
  bold: (text: string) => text,
  dim: (text: string) => text,
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
