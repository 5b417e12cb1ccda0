/** Where a form comes from. */

import { PageError } from "../errors.ts";

/**
 * A form of ours must come from our own page. Browsers say where it comes from; a request that says
 * nothing is held back by the cookie alone.
 *
 * @param baseUrl this server's origin.
 * @throws {PageError} `foreign_form`.
 */
export function assertSameOrigin(request: Request, baseUrl: string): void {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  if ((origin !== null && origin !== baseUrl) || (site !== null && site !== "same-origin")) {
    throw new PageError("foreign_form", 403);
  }
}
