/** Refusals, in the two shapes WorkOS has for them. */

/** A refusal of a request, with the JSON WorkOS answers. */
export class RefusalError extends Error {
  /**
   * @param status HTTP status.
   * @param code WorkOS's stable code.
   * @param message what is wrong.
   * @param body the JSON of the answer.
   */
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 422,
    readonly code: string,
    message: string,
    readonly body: Readonly<Record<string, unknown>>,
  ) {
    super(message);
    this.name = "RefusalError";
  }
}

/**
 * A refusal in the OAuth shape (RFC 6749 §5.2). At WorkOS it is HTTP 400 even for `invalid_client`.
 *
 * @param code the `error` member.
 * @param description the `error_description` member.
 * @param details further members.
 */
export function oauthRefusal(
  code: string,
  description: string,
  details: Readonly<Record<string, unknown>> = {},
): RefusalError {
  return new RefusalError(400, code, description, {
    error: code,
    error_description: description,
    ...details,
  });
}

/**
 * A refusal in the shape of the rest of the WorkOS API.
 *
 * @param status HTTP status.
 * @param code the `code` member.
 * @param message the `message` member.
 * @param details further members.
 */
export function apiRefusal(
  status: RefusalError["status"],
  code: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): RefusalError {
  return new RefusalError(status, code, message, { code, message, ...details });
}

/**
 * The 404 for an object that does not exist.
 *
 * @param kind what was asked for, `User`.
 * @param id its id.
 */
export function notFoundRefusal(kind: string, id: string): RefusalError {
  return apiRefusal(404, "entity_not_found", `${kind} not found: '${id}'.`, { entity_id: id });
}

/**
 * Looks an object up.
 *
 * @param kind what is asked for, `User`.
 * @throws {RefusalError} 404 if there is none.
 */
export function findOrRefuse<Entity>(
  entities: ReadonlyMap<string, Entity>,
  kind: string,
  id: string,
): Entity {
  const entity = entities.get(id);
  if (entity === undefined) throw notFoundRefusal(kind, id);
  return entity;
}

/**
 * The 422 for a parameter that is missing or wrong.
 *
 * @param name which one.
 */
export function invalidParameterRefusal(name: string): RefusalError {
  return apiRefusal(422, "invalid_request_parameters", "Validation failed.", {
    errors: [
      { code: `${name}_invalid`, field: name, message: `${name} is missing or not valid.` },
    ],
  });
}
