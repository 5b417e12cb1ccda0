import assert from "node:assert/strict";
import { readInput, readToolArguments } from "../../lib/client/tool_arguments.ts";
import { ExitCode } from "../../lib/errors.ts";

const tool = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  name: "paint",
  inputSchema: { type: "object" as const, properties, ...more },
});

/** What one argument becomes under its schema. */
function readOne(schema: unknown, ...texts: string[]): unknown {
  const words = texts.map((text) => `x=${text}`);
  return readToolArguments(tool({ x: schema }), words).x;
}

const readings: [unknown, string, unknown][] = [
  [{ type: "string" }, "hello", "hello"],
  [{ type: "string" }, "", ""],
  [{ type: "string" }, "5", "5"],
  [{ type: "string" }, "a=b", "a=b"],
  [{ type: "string" }, '"quoted"', '"quoted"'],
  [{ type: "number" }, "1.5", 1.5],
  [{ type: "number" }, "-2", -2],
  [{ type: "integer" }, "12", 12],
  [{ type: "boolean" }, "true", true],
  [{ type: "null" }, "null", null],
  [{ type: "object" }, '{"a":[1]}', { a: [1] }],
  [{ type: "array", items: { type: "integer" } }, "[1,2]", [1, 2]],
  [{ type: "array", items: { type: "integer" } }, "1", [1]],
  [{ type: "array", items: { type: "string" } }, "1", ["1"]],
  [{ type: ["string", "null"] }, "null", null],
  [{ type: ["string", "number"] }, "7", 7],
  [{ type: ["string", "number"] }, '"7"', "7"],
  [{ type: ["string", "number"] }, "seven", "seven"],
  [{ anyOf: [{ type: "integer" }, { type: "null" }] }, "3", 3],
  [{ oneOf: [{ type: "string" }, { type: "boolean" }] }, "false", false],
  [{ allOf: [{ type: ["string", "integer"] }, { type: "string" }] }, "3", "3"],
  [{ enum: ["red", "green"] }, "red", "red"],
  [{ enum: [1, 2] }, "2", 2],
  [{ const: true }, "true", true],
  [{ $ref: "#/$defs/unknown" }, "3", 3],
  [{ $ref: "https://evil.example/schema.json" }, "word", "word"],
  [{ type: ["string", "number"] }, "12345678901234567890", "12345678901234567890"],
  [{ type: "number" }, "1e21", 1e21],
  [{ type: "number" }, "0.1", 0.1],
  [{}, "plain words", "plain words"],
  [true, "[1]", [1]],
];
for (const [schema, text, value] of readings) {
  Deno.test(`${JSON.stringify(schema)} makes ${JSON.stringify(value)} of ${text || "nothing"}`, () => {
    assert.deepEqual(readOne(schema, text), value);
  });
}

Deno.test("a reference inside the schema is followed", () => {
  const colored = tool({ color: { $ref: "#/$defs/Color" } }, {
    $defs: { Color: { type: "object" } },
  });
  assert.deepEqual(readToolArguments(colored, ["color={}"]), { color: {} });
});

Deno.test("an argument given several times becomes a list", () => {
  const items = { type: "array", items: { type: "integer" } };
  assert.deepEqual(readOne(items, "1", "2"), [1, 2]);
  assert.deepEqual(readOne({ anyOf: [items, { type: "null" }] }, "1", "2"), [1, 2]);
});

const refusals: [Record<string, unknown>, string[], RegExp][] = [
  [{ x: { type: "integer" } }, ["x=1.5"], /"x" cannot be "1\.5" \(integer\)/],
  [{ x: { type: ["number", "null"] } }, ["x=many"], /"many" \(number or null\)/],
  // Digits would be lost on the way, and another record be meant.
  [{ x: { type: "integer" } }, ["x=9007199254740993"], /cannot be "9007199254740993": .*digits/],
  [
    { x: { type: "number" } },
    ["x=12345678901234567890"],
    /"12345678901234567890": .*too many digits/,
  ],
  [{ x: { type: "number" } }, ["x=1e999"], /"x" cannot be "1e999": 1e999 is too large/],
  [{ x: {} }, ["x=-1e999"], /too large/],
  [{ x: { type: "array" } }, ["x=[1,[12345678901234567890]]"], /: 12345678901234567890 .*digits/],
  [{ x: { type: "array", items: { type: "number" } } }, ["x=1", "x=1e999"], /too large/],
  [{ x: { type: "boolean" } }, ["x=yes"], /\(boolean\)/],
  [{ x: { enum: ["red", "green"] } }, ["x=blue"], /one of "red", "green"/],
  [{ x: { type: "array", items: { type: "integer" } } }, ["x=1", "x=b"], /"b" \(integer\)/],
  [{ x: { type: "string" } }, ["x=a", "x=b"], /"x" is given 2 times/],
  [{ message: { type: "string" } }, ["mesage=a"], /no argument "mesage"; did you mean "message"\?/],
  [{ a: {}, b: {} }, ["zzzzzz=1"], /It takes "a", "b"/],
  [{}, ["x=1"], /It takes none/],
  [{}, ["word"], /the tool takes none/],
  [{ message: { type: "string" } }, ["hello"], /Write for example message=hello/],
  [{ x: {} }, ["=1"], /is not NAME=VALUE/],
];
for (const [properties, words, message] of refusals) {
  Deno.test(`${words.join(" ")} is refused: ${message.source}`, () => {
    assert.throws(() => readToolArguments(tool(properties), words), {
      code: "invalid_arguments",
      exitCode: ExitCode.usage,
      message,
    });
  });
}

Deno.test("a missing argument is asked for in the schema's own words, cleaned", () => {
  const properties = { color: { type: "string", description: "The wall's\x1b[2J color." } };
  assert.throws(() => readToolArguments(tool(properties, { required: ["color"] }), []), {
    message: /^"paint" needs "color" \(string\): The wall's\[2J color\. Add color=VALUE\./,
  });
});

Deno.test("further arguments pass where the schema says that there are more", () => {
  const open = tool({}, { additionalProperties: { type: "string" } });
  assert.deepEqual(readToolArguments(open, ["x=1"]), { x: 1 });
});

Deno.test("__proto__ is a name like any other", () => {
  const open = tool({}, { additionalProperties: true });
  const args = readToolArguments(open, ['__proto__={"polluted":true}']);
  assert.deepEqual(Object.keys(args), ["__proto__"]);
  assert.equal("polluted" in args, false);
});

Deno.test("a schema that branches into itself without end is read in no time", () => {
  const self = { $ref: "#/$defs/Self" };
  const looping = tool({ x: self }, {
    $defs: { Self: { anyOf: [self, self, self, self], allOf: [self, self, self] } },
  });
  assert.deepEqual(readToolArguments(looping, ["x=1"]), { x: 1 });
});

const wrongInputs: [string, RegExp][] = [
  ["[1]", /has to be a JSON object/],
  ["null", /has to be a JSON object/],
  ["5", /has to be a JSON object/],
  ["", /is not JSON: Unexpected end/],
  ["{", /is not JSON: .*line 1 column 2/],
  ['{"a": 1,\n  b: 2}', /is not JSON: .*line 2 column 3/],
  ['{"a": yes}', /is not JSON: .*"\{"a": yes\}"/],
  ['{"a": [1e999]}', /In --input 1e999 is too large/],
  ['{"a": 12345678901234567890}', /In --input 12345678901234567890 .*too many digits/],
];
for (const [text, message] of wrongInputs) {
  Deno.test(`--input ${JSON.stringify(text)} is refused: ${message.source}`, () => {
    assert.deepEqual(readInput('{"a":1}'), { a: 1 });
    assert.throws(() => readInput(text), {
      code: "invalid_arguments",
      exitCode: ExitCode.usage,
      message,
    });
  });
}
