/** As much of a JSON Schema as is needed to read a value that a person typed. */

/** Types of JSON Schema. */
export type JsonType = "array" | "boolean" | "integer" | "null" | "number" | "object" | "string";

const JSON_TYPES: readonly string[] = [
  "array",
  "boolean",
  "integer",
  "null",
  "number",
  "object",
  "string",
];

/** What a schema says of a value. */
export interface Schema {
  /** The types it may have; absent: any. */
  types?: ReadonlySet<JsonType> | undefined;
  /** The values it may have; absent: any. */
  values?: readonly unknown[] | undefined;
  description?: string | undefined;
  /** What its items are like, if it is an array. Read when asked for: schemas contain themselves. */
  items?: (() => Schema) | undefined;
  /** What its members are like, if it is an object. */
  properties: ReadonlyMap<string, () => Schema>;
  /** Members it must have. */
  required: readonly string[];
  /** Whether it has members that {@link properties} does not tell. */
  takesOthers: boolean;
}

/** Parts of a schema that are read for one value: a hostile one may branch without end. */
const MOST_PARTS = 200;

type JsonObject = Readonly<Record<string, unknown>>;

/** A schema being read. */
interface Reading {
  document: unknown;
  /** How many more parts may be read. */
  partsLeft: number;
}

const ANYTHING: Schema = { properties: new Map(), required: [], takesOthers: true };

/**
 * Reads a schema. `$ref` is followed within the document only: nothing is ever fetched. What is not
 * understood is taken to allow anything, since the server checks again.
 *
 * @param document the whole schema.
 */
export function readSchema(document: unknown): Schema {
  return read(document, { document, partsLeft: MOST_PARTS });
}

function read(schema: unknown, reading: Reading): Schema {
  if (!isObject(schema) || reading.partsLeft-- <= 0) return ANYTHING;
  const { document } = reading;
  const later = (part: unknown) => () => read(part, { document, partsLeft: MOST_PARTS });
  const now = (part: unknown) => read(part, reading);
  const { description, additionalProperties, items } = schema;
  const own: Schema = {
    types: readTypes(schema),
    values: "const" in schema
      ? [schema.const]
      : Array.isArray(schema.enum)
      ? schema.enum
      : undefined,
    description: typeof description === "string" ? description : undefined,
    items: isObject(items) ? later(items) : undefined,
    properties: new Map(
      Object.entries(isObject(schema.properties) ? schema.properties : {})
        .map(([name, property]) => [name, later(property)]),
    ),
    required: listOf(schema.required).filter((name) => typeof name === "string"),
    takesOthers: "patternProperties" in schema ||
      (additionalProperties !== undefined && additionalProperties !== false),
  };
  const all = listOf(schema.allOf).map(now);
  if (typeof schema.$ref === "string") all.push(now(resolve(schema.$ref, document)));
  const alternatives = [...listOf(schema.anyOf), ...listOf(schema.oneOf)].map(now);
  if (alternatives.length > 0) all.push(alternatives.reduce(either));
  return all.reduce(both, own);
}

function readTypes({ type }: JsonObject): ReadonlySet<JsonType> | undefined {
  const types = (Array.isArray(type) ? type : [type]).filter((one) => JSON_TYPES.includes(one));
  if (types.length === 0) return undefined;
  return new Set<JsonType>(types.includes("number") ? [...types, "integer"] : types);
}

/** What both schemas allow. */
function both(one: Schema, other: Schema): Schema {
  return {
    types: one.types && other.types
      ? one.types.intersection(other.types)
      : one.types ?? other.types,
    values: one.values ?? other.values,
    description: one.description ?? other.description,
    items: one.items ?? other.items,
    properties: new Map([...other.properties, ...one.properties]),
    required: [...new Set([...one.required, ...other.required])],
    takesOthers: one.takesOthers || other.takesOthers,
  };
}

/** What at least one of the schemas allows. */
function either(one: Schema, other: Schema): Schema {
  return {
    types: one.types && other.types && one.types.union(other.types),
    // A list of values and a free type side by side allow more than the list.
    values: one.values && other.values && [...one.values, ...other.values],
    description: one.description ?? other.description,
    items: one.items ?? other.items,
    properties: new Map([...other.properties, ...one.properties]),
    required: one.required.filter((name) => other.required.includes(name)),
    takesOthers: one.takesOthers || other.takesOthers,
  };
}

/** Follows a JSON Pointer (RFC 6901) such as `#/$defs/Color`; undefined if it leads elsewhere. */
function resolve(reference: string, document: unknown): unknown {
  if (!reference.startsWith("#")) return undefined;
  let part: unknown = document;
  for (const step of reference.slice(1).split("/").slice(1)) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof part !== "object" || part === null || !Object.hasOwn(part, name)) return undefined;
    part = Reflect.get(part, name);
  }
  return part;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
