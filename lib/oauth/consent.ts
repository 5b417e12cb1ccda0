/**
 * Consent comes before WorkOS, every time (MCP 2026-07-28, AS-15, CD-1 to CD-16). WorkOS knows only
 * this server, and remembers its own sign-ins: without this page, whoever registers a client could
 * have a signed-in person's code sent to a redirect URI of theirs.
 *
 * Nothing is stored before a decision. The checked request travels sealed in the form; the cookie
 * that comes with the page holds 256 random bits, and the state and keys of everything that follows
 * are derived from them. So the page works however often it is rendered or submitted, and only the
 * browser that showed it can go on.
 */

import type { Config } from "../config.ts";
import { OAuthError, PageError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import type { Upstream } from "../workos/upstream.ts";
import { redirectToClient } from "./authorization_response.ts";
import type { AuthorizationRequest } from "./authorize.ts";
import type { Client } from "./clients.ts";
import type { FlowCookies } from "./flow_cookies.ts";
import { SIGN_IN_LIFETIME } from "./lifetimes.ts";
import { renderConsentPage } from "./consent_page.ts";
import { readForm, readParameters } from "./parameters.ts";
import { encodeBase64Url, type Random } from "./random.ts";
import { assertSameOrigin } from "./same_origin.ts";
import { seal, unseal } from "./sealing.ts";
import { sendToWorkOS } from "./send_to_workos.ts";
import { beginSignIn } from "./sign_in.ts";
import type { SignIns } from "./sign_ins.ts";

/** What {@link createConsent} needs. */
export interface ConsentOptions {
  config: Pick<Config, "baseUrl" | "resource">;
  store: Pick<Store, "closeSignIn">;
  signIns: SignIns;
  upstream: Upstream;
  cookies: FlowCookies;
  log: Log;
  now: () => number;
  random: Random;
  /** Key of the installation for the sealed form. */
  formKey: Uint8Array;
}

/** Asks the person, and takes the answer. */
export interface Consent {
  /** The page, with the cookie that lets this browser answer it. */
  show(request: Request, client: Client, authorization: AuthorizationRequest): Promise<Response>;
  /**
   * `POST /consent`: leads to WorkOS, or back to the client with `access_denied`.
   *
   * @throws {PageError} when the form is not from this browser, too old, or answered before.
   */
  decide(request: Request): Promise<Response>;
}

/** What the form carries. */
interface SealedForm {
  /** Names the cookie of this rendering. */
  id: string;
  authorization: AuthorizationRequest;
  expiresAt: number;
}

const FORM_CONTEXT = "consent form";

/** Makes the keeper of consent. */
export function createConsent(options: ConsentOptions): Consent {
  const { config, store, signIns, cookies, log, now, random, formKey } = options;

  const readSealedForm = (sealed: string): SealedForm => {
    const text = unseal(formKey, sealed, FORM_CONTEXT);
    if (text === undefined) throw new PageError("damaged_form", 400);
    const form: SealedForm = JSON.parse(text);
    if (form.authorization.resource !== config.resource) throw new PageError("damaged_form", 400);
    if (form.expiresAt <= now()) throw new PageError("sign_in_expired", 400);
    return form;
  };

  return {
    async show(request, client, authorization) {
      const id = encodeBase64Url(random(9));
      const form: SealedForm = { id, authorization, expiresAt: now() + SIGN_IN_LIFETIME };
      const sealed = seal(formKey, JSON.stringify(form), FORM_CONTEXT, random);
      const response = await renderConsentPage({
        server: new URL(config.baseUrl).host,
        client,
        authorization,
        sealed,
      });
      const secret = encodeBase64Url(random(32));
      for (const cookie of cookies.write(request, "consent", id, secret)) {
        response.headers.append("set-cookie", cookie);
      }
      return response;
    },

    async decide(request) {
      assertSameOrigin(request, config.baseUrl);
      const parameters = readParameters(await readForm(request));
      const { id, authorization } = readSealedForm(parameters.require("request"));
      const decision = parameters.get("decision");
      const secret = cookies.read(request, "consent", id);
      if (secret === undefined) throw new PageError("other_browser", 403);
      const signIn = beginSignIn(secret);
      const expiresAt = now() + SIGN_IN_LIFETIME;
      const { clientId, redirectUri, state } = authorization;

      if (decision === "deny") {
        await store.closeSignIn(signIn.id, expiresAt);
        log.info("consent_denied", { client_id: clientId });
        const error = new OAuthError("access_denied", "The person did not allow this client.");
        return redirectToClient(redirectUri, config.baseUrl, { ...(state && { state }), error });
      }
      if (decision !== "approve") throw new PageError("damaged_form", 400);

      // Submitting twice finds the same sign-in; one that was denied or went through stays over.
      await signIns.keep(signIn, authorization);
      log.info("consent_approved", { client_id: clientId, scope: authorization.scopes.join(" ") });
      return await sendToWorkOS(options, request, signIn, authorization);
    },
  };
}
