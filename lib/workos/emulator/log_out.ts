/** `/user_management/sessions/logout`: where a browser goes to end the session at WorkOS. */

import { html } from "hono/html";
import type { Environment } from "./environment.ts";
import { invalidParameterRefusal } from "./errors.ts";
import { renderPage } from "./pages.ts";
import { isSignOutRedirect } from "./redirect_uris.ts";

/**
 * Ends a session, even one that has ended, and sends the browser back.
 *
 * @param request with `session_id` and, unless the browser is to stay here, `return_to`.
 * @param environment whose session it is.
 * @throws {RefusalError} 422 without a session.
 */
export async function logOut(request: Request, environment: Environment): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const sessionId = query.get("session_id");
  if (!sessionId) throw invalidParameterRefusal("session_id");
  const { sessions } = environment.directory;
  const session = sessions.get(sessionId);
  if (session !== undefined) sessions.revoke(session);
  const returnTo = query.get("return_to");
  if (returnTo === null) {
    return await renderPage("Signed out", html`<p>You can close this page.</p>`);
  }
  if (!isSignOutRedirect(returnTo, environment.redirectUris)) {
    return await renderPage(
      "Sign-out redirect not registered",
      html`
        <p>You are signed out. The application asked to go on to <code>${returnTo}</code>.</p>
        <p>At WorkOS, add it in the dashboard under <em>Redirects</em>. The emulator allows every URL
          on the origin of a redirect URI.</p>
      `,
      400,
    );
  }
  return new Response(null, { status: 302, headers: { location: returnTo } });
}
