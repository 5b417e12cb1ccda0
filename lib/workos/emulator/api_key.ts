/** The API key, which an application shows to do more than sign people in. */

import type { Environment } from "./environment.ts";
import { RefusalError } from "./errors.ts";
import { equalSecrets } from "./secrets.ts";

/**
 * Lets requests with the API key of an environment pass.
 *
 * @throws {RefusalError} 401.
 */
export function checkApiKey(request: Request, environment: Environment): void {
  const credentials = request.headers.get("authorization") ?? "";
  if (equalSecrets(credentials, `Bearer ${environment.apiKey}`)) return;
  throw new RefusalError(401, "unauthorized", "Unauthorized", { message: "Unauthorized" });
}
