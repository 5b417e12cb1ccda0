/** The arguments of a tool, from words of a command line and the tool's own schema. */

import { CommandError, ExitCode } from "../errors.ts";
import { InexactNumberError, parseExactJson } from "./exact_json.ts";
import { type JsonType, readSchema, type Schema } from "./json_schema.ts";
import { nearest } from "./nearest.ts";
import { sanitizeLine } from "./sanitize.ts";

/** As much of a tool as its arguments depend on. */
export interface ToolInput {
  name: string;
  /** A JSON Schema. */
  inputSchema: unknown;
}

/**
 * Reads `NAME=VALUE` words as the arguments of a tool.
 *
 * @param tool the tool, with its input schema.
 * @param words as on the command line.
 * @throws {CommandError} `invalid_arguments`, in the schema's own words: an argument that is
 *   unknown, missing or of another type.
 */
export function readToolArguments(tool: ToolInput, words: string[]): Record<string, unknown> {
  const schema = readSchema(tool.inputSchema);
  const texts = new Map<string, string[]>();
  for (const word of words) {
    const end = word.indexOf("=");
    if (end < 1) throw notAnAssignment(word, schema);
    const name = word.slice(0, end);
    checkName(tool, name, schema);
    texts.set(name, [...texts.get(name) ?? [], word.slice(end + 1)]);
  }
  checkRequired(tool, texts.keys(), schema, (name) => `Add ${name}=VALUE`);
  // Not by assignment: "__proto__" is a name like any other here.
  return Object.fromEntries(
    [...texts].map((
      [name, values],
    ) => [name, readValues(name, values, schema.properties.get(name)?.())]),
  );
}

/**
 * Reads all arguments of a tool from one JSON text.
 *
 * @param text what `--input` gave.
 * @throws {CommandError} `invalid_arguments` unless it is an object.
 */
export function readInput(text: string): Record<string, unknown> {
  const value = parseInput(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid('--input has to be a JSON object, such as {"message":"hello"}');
  }
  return { ...value };
}

/** The words of the parser tell the place: a line and a column, or what stands there. */
function parseInput(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch (error) {
    if (error instanceof InexactNumberError) throw invalid(`In --input ${error.message}`);
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(`--input is not JSON: ${sanitizeLine(error.message)}`);
  }
}

/**
 * Checks arguments that came as JSON, as {@link readToolArguments} does those that it reads.
 *
 * @param tool the tool, with its input schema.
 * @param args from {@link readInput}.
 * @throws {CommandError} `invalid_arguments`, in the schema's own words.
 */
export function checkToolArguments(tool: ToolInput, args: Record<string, unknown>): void {
  const schema = readSchema(tool.inputSchema);
  for (const name of Object.keys(args)) checkName(tool, name, schema);
  checkRequired(
    tool,
    Object.keys(args),
    schema,
    (name) => `Add ${JSON.stringify(name)} to --input`,
  );
  for (const [name, value] of Object.entries(args)) {
    const property = schema.properties.get(name)?.();
    // Null may mean that it is left out, as for headers of MCP (SEP-2243): the server decides.
    if (value !== null && !allows(property, value)) {
      throw wrongType(name, JSON.stringify(value), property);
    }
  }
}

function checkName(tool: ToolInput, name: string, schema: Schema): void {
  if (!schema.properties.has(name) && !schema.takesOthers) throw unknown(tool, name, schema);
}

/** @param advise how to add an argument. */
function checkRequired(
  tool: ToolInput,
  names: Iterable<string>,
  { required, properties }: Schema,
  advise: (name: string) => string,
): void {
  const given = new Set(names);
  for (const name of required) {
    if (!given.has(name)) throw missing(tool, name, properties.get(name)?.(), advise(name));
  }
}

function readValues(name: string, texts: string[], schema: Schema | undefined): unknown {
  const types = schema?.types;
  const [text = ""] = texts;
  if (texts.length === 1) {
    const value = readValue(name, text, schema);
    if (value !== undefined) return value;
    if (!types?.has("array")) throw wrongType(name, quote(text), schema);
  } else if (types && !types.has("array")) {
    throw invalid(`${quote(name)} is given ${texts.length} times, but takes one value`);
  }
  return texts.map((item) => {
    const value = readValue(name, item, schema?.items?.());
    if (value === undefined) throw wrongType(name, quote(item), schema?.items?.());
    return value;
  });
}

/**
 * One text as the first type the schema allows: where more than strings are, JSON goes first, so
 * that `5` is a number and `"5"` is not.
 *
 * @returns undefined when the schema does not allow it.
 */
function readValue(name: string, text: string, schema: Schema | undefined): unknown {
  const { types } = schema ?? {};
  const takesOnlyText = types?.size === 1 && types.has("string");
  const value = takesOnlyText ? undefined : parseWord(name, text, schema);
  if (value !== undefined && allows(schema, value)) return value;
  return allows(schema, text) ? text : undefined;
}

/** @returns undefined if it is no JSON, or has numbers that only a text can carry, and may be one. */
function parseWord(name: string, text: string, schema: Schema | undefined): unknown {
  try {
    return parseExactJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (!(error instanceof InexactNumberError)) throw error;
    if (schema?.types?.has("string")) return undefined;
    throw invalid(`${quote(name)} cannot be ${quote(text)}: ${sanitizeLine(error.message, 120)}`);
  }
}

function allows(schema: Schema | undefined, value: unknown): boolean {
  const { types, values } = schema ?? {};
  return (!types || typesOf(value).some((type) => types.has(type))) &&
    (!values || values.some((one) => JSON.stringify(one) === JSON.stringify(value)));
}

function typesOf(value: unknown): JsonType[] {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  switch (typeof value) {
    case "number":
      // Larger ones have lost digits already.
      return Number.isSafeInteger(value) ? ["integer", "number"] : ["number"];
    case "boolean":
      return ["boolean"];
    case "string":
      return ["string"];
    default:
      return ["object"];
  }
}

function notAnAssignment(word: string, { properties, required }: Schema): CommandError {
  const [name] = [...required, ...properties.keys()];
  return invalid(
    name === undefined
      ? `${quote(word)} is one argument too many: the tool takes none`
      : `${quote(word)} is not NAME=VALUE. Write for example ${
        sanitizeLine(`${name}=${word}`, 80)
      }`,
  );
}

function unknown({ name: tool }: ToolInput, name: string, { properties }: Schema): CommandError {
  const names = [...properties.keys()];
  const meant = nearest(name, names);
  const hint = meant === undefined
    ? names.length > 0 ? `. It takes ${names.map(quote).join(", ")}` : ". It takes none"
    : `; did you mean ${quote(meant)}?`;
  return invalid(`${quote(tool)} has no argument ${quote(name)}${hint}`);
}

function missing(
  { name: tool }: ToolInput,
  name: string,
  schema: Schema | undefined,
  advice: string,
): CommandError {
  return invalid(
    `${quote(tool)} needs ${quote(name)}${explain(schema)}. ${sanitizeLine(advice, 100)}`,
  );
}

function wrongType(name: string, value: string, schema: Schema | undefined): CommandError {
  return invalid(`${quote(name)} cannot be ${sanitizeLine(value, 60)}${explain(schema)}`);
}

/** What the schema says of a value, in brackets and after a colon. */
function explain(schema: Schema | undefined): string {
  const { types, values, description } = schema ?? {};
  const kind = values
    ? `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`
    : listTypes(types).join(" or ");
  return (kind ? ` (${sanitizeLine(kind, 120)})` : "") +
    (description ? `: ${sanitizeLine(description, 200).replace(/\.$/, "")}` : "");
}

/** Every integer is a number. */
function listTypes(types: Schema["types"]): JsonType[] {
  return [...types ?? []].filter((type) => type !== "integer" || !types?.has("number"));
}

/**
 * What a tool takes, as words of a command line: `message=string [coats=integer]`, where brackets
 * are around what can be left away.
 *
 * @param tool the tool, with its input schema.
 */
export function describeArguments({ inputSchema }: Pick<ToolInput, "inputSchema">): string {
  const { properties, required } = readSchema(inputSchema);
  return [...properties].map(([name, property]) => {
    const { types, values } = property();
    const choices = values?.map((value) =>
      typeof value === "string" ? value : JSON.stringify(value)
    );
    const kinds = (choices ?? listTypes(types)).join("|") || "value";
    const word = `${sanitizeLine(name, 60)}=${sanitizeLine(kinds, 60)}`;
    return required.includes(name) ? word : `[${word}]`;
  }).join(" ");
}

function quote(text: string): string {
  return `"${sanitizeLine(text, 60)}"`;
}

function invalid(problem: string): CommandError {
  const sentence = problem.endsWith("?") ? problem : `${problem}.`;
  return new CommandError(
    "invalid_arguments",
    `${sentence} "deno task client tools" shows what a tool takes.`,
    ExitCode.usage,
  );
}
