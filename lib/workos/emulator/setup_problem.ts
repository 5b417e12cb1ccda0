/**
 * Mistakes in an application's setup: a wrong client id or redirect URI. They never redirect, or
 * anybody could use this server to send people elsewhere (RFC 6749 §4.1.2.1). The page tells the
 * developer what to change.
 */

import { html } from "hono/html";
import type { Environment } from "./environment.ts";
import { type Markup, renderPage } from "./pages.ts";
import { isRegisteredRedirectUri } from "./redirect_uris.ts";

/** What is wrong. */
export interface SetupProblem {
  code: "invalid_client" | "invalid_redirect_uri";
  title: string;
  /** What came and what to do, for a person. */
  advice: Markup;
  /** The same in one sentence, for a program. */
  message: string;
}

/**
 * Looks for a mistake in client id and redirect URI.
 *
 * @param parameters query of the authorization request.
 * @param environment what is right.
 */
export function findSetupProblem(
  parameters: URLSearchParams,
  environment: Environment,
): SetupProblem | undefined {
  const clientId = parameters.get("client_id") ?? "";
  if (clientId !== environment.clientId) {
    return {
      code: "invalid_client",
      title: "Unknown client id",
      message: `client_id must be ${environment.clientId}, which is the emulator's.`,
      advice: html`
        <p>The application sent the client id <code>${clientId}</code>.</p>
        <p>The emulator's is <code>${environment.clientId}</code>: set
          <code>WORKOS_CLIENT_ID=${environment.clientId}</code>. At WorkOS, copy it from the
          dashboard, <em>Applications</em>.</p>
      `,
    };
  }
  const redirectUri = parameters.get("redirect_uri") ?? "";
  if (!isRegisteredRedirectUri(redirectUri, environment.redirectUris)) {
    return {
      code: "invalid_redirect_uri",
      title: "Redirect URI not registered",
      message: `redirect_uri must be one of: ${environment.redirectUris.join(" ")}`,
      advice: html`
        <p>The application asked to return to <code>${redirectUri}</code>.</p>
        <p>At WorkOS, add exactly this URI in the dashboard under <em>Redirects</em>. The emulator
          takes these:</p>
        <ul>${environment.redirectUris.map((uri) => html`<li><code>${uri}</code></li>`)}</ul>
      `,
    };
  }
  return undefined;
}

/**
 * Answers with a page, or with JSON for a program that asks for it.
 *
 * @param request the authorization request.
 * @param problem from {@link findSetupProblem}.
 */
export async function renderSetupProblem(
  request: Request,
  problem: SetupProblem,
): Promise<Response> {
  const accept = request.headers.get("accept") ?? "";
  if (accept.includes("application/json") && !accept.includes("text/html")) {
    return Response.json({ code: problem.code, message: problem.message }, { status: 400 });
  }
  return await renderPage(problem.title, problem.advice, 400);
}
