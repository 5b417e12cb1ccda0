/** The arguments of a tool, from words of a command line and the tool's own schema. */

import { CommandError, ExitCode } from "../errors.ts";
import { parseJson } from "../json.ts";
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
    if (!schema.properties.has(name) && !schema.takesOthers) throw unknown(tool, name, schema);
    texts.set(name, [...texts.get(name) ?? [], word.slice(end + 1)]);
  }
  for (const name of schema.required) {
    if (!texts.has(name)) throw missing(tool, name, schema.properties.get(name)?.());
  }
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
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid('--input has to be a JSON object, such as {"message":"hello"}');
  }
  return { ...value };
}

function readValues(name: string, texts: string[], schema: Schema | undefined): unknown {
  const types = schema?.types;
  const [text = ""] = texts;
  if (texts.length === 1) {
    const value = readValue(text, schema);
    if (value !== undefined) return value;
    if (!types?.has("array")) throw wrongType(name, text, schema);
  } else if (types && !types.has("array")) {
    throw invalid(`${quote(name)} is given ${texts.length} times, but takes one value`);
  }
  return texts.map((item) => {
    const value = readValue(item, schema?.items?.());
    if (value === undefined) throw wrongType(name, item, schema?.items?.());
    return value;
  });
}

/**
 * One text as the first type the schema allows: where more than strings are, JSON goes first, so
 * that `5` is a number and `"5"` is not.
 *
 * @returns undefined when the schema does not allow it.
 */
function readValue(text: string, schema: Schema | undefined): unknown {
  const { types, values } = schema ?? {};
  const isAllowed = (value: unknown) =>
    (!types || typesOf(value).some((type) => types.has(type))) &&
    (!values || values.some((one) => JSON.stringify(one) === JSON.stringify(value)));
  const takesOnlyText = types?.size === 1 && types.has("string");
  const value = takesOnlyText ? undefined : parseJson(text);
  if (value !== undefined && isAllowed(value)) return value;
  return isAllowed(text) ? text : undefined;
}

function typesOf(value: unknown): JsonType[] {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  switch (typeof value) {
    case "number":
      // Beyond these, digits would be lost on the way.
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
): CommandError {
  return invalid(
    `${quote(tool)} needs ${quote(name)}${explain(schema)}. Add ${sanitizeLine(name, 60)}=VALUE`,
  );
}

function wrongType(name: string, text: string, schema: Schema | undefined): CommandError {
  return invalid(`${quote(name)} cannot be ${quote(text)}${explain(schema)}`);
}

/** What the schema says of a value, in brackets and after a colon. */
function explain(schema: Schema | undefined): string {
  const { types, values, description } = schema ?? {};
  const kind = values
    ? `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`
    // Every integer is a number.
    : [...types ?? []].filter((type) => type !== "integer" || !types?.has("number")).join(" or ");
  return (kind ? ` (${sanitizeLine(kind, 120)})` : "") +
    (description ? `: ${sanitizeLine(description, 200).replace(/\.$/, "")}` : "");
}

function quote(text: string): string {
  return `"${sanitizeLine(text, 60)}"`;
}

function invalid(problem: string): CommandError {
  const sentence = problem.endsWith("?") ? problem : `${problem}.`;
  return new CommandError(
    "invalid_arguments",
    `${sentence} "deno task client tools --json" shows what a tool takes.`,
    ExitCode.usage,
  );
}
