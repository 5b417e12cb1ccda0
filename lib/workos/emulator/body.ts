/** Bodies of requests: JSON from the SDK, forms from OAuth libraries. */

import type * as z from "zod";
import { apiRefusal, invalidParameterRefusal } from "./errors.ts";

/** Members of a JSON object, or fields of a form. */
export type Parameters = ReadonlyMap<string, string>;

/**
 * Reads a body.
 *
 * @param request with JSON if its content type says so, else with a form. Members that are no
 *   strings are left out.
 * @throws {RefusalError} 400 for what is not JSON.
 */
export async function readParameters(request: Request): Promise<Parameters> {
  if (!request.headers.get("content-type")?.startsWith("application/json")) {
    return new Map(new URLSearchParams(await request.text()));
  }
  const body = await readJson(request);
  return new Map(
    Object.entries(body ?? {}).filter(([, value]) => typeof value === "string"),
  );
}

/**
 * Reads a body with more in it than strings.
 *
 * @param request with JSON.
 * @param schema what the body has to be.
 * @throws {RefusalError} 400 for what is not JSON, 422 with the first member that is not right.
 */
export async function readBody<Body>(request: Request, schema: z.ZodType<Body>): Promise<Body> {
  const { data, error } = schema.safeParse(await readJson(request));
  if (error === undefined) return data;
  throw invalidParameterRefusal(error.issues[0]?.path.join(".") || "body");
}

async function readJson(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw apiRefusal(400, "invalid_request", "The body is not JSON.");
  }
}

/**
 * A parameter that has to be there.
 *
 * @param parameters from {@link readParameters}.
 * @param name which one.
 * @throws {RefusalError} 422.
 */
export function requireParameter(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (!value) throw invalidParameterRefusal(name);
  return value;
}
