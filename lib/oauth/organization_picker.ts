/**
 * `/auth/organization`, where a person who belongs to several organizations chooses one, when WorkOS
 * leaves the question to this server. The page can be loaded and answered only by the browser that
 * signed in; WorkOS's handle for the sign-in that waits stays here.
 */

import type { Config } from "../config.ts";
import { PageError } from "../errors.ts";
import type { Upstream } from "../workos/upstream.ts";
import type { FinishSignIn } from "./finish_sign_in.ts";
import type { FlowCookies } from "./flow_cookies.ts";
import { renderOrganizationPage } from "./organization_page.ts";
import { readForm, readParameters } from "./parameters.ts";
import { assertSameOrigin } from "./same_origin.ts";
import { resumeSignIn } from "./sign_in.ts";
import type { SignIns } from "./sign_ins.ts";
import { describeVisitor } from "./visitor.ts";

/** What {@link createOrganizationPicker} needs. */
export interface OrganizationPickerOptions {
  config: Pick<Config, "baseUrl">;
  upstream: Upstream;
  signIns: SignIns;
  finish: FinishSignIn;
  cookies: FlowCookies;
}

/** Asks the person, and takes the answer. Both throw {@link PageError} for any other browser. */
export interface OrganizationPicker {
  /** `GET`: the page. Looking at it uses nothing up. */
  show(request: Request): Promise<Response>;
  /** `POST`: goes on as the callback does. What was not offered never reaches WorkOS. */
  choose(request: Request, address: string): Promise<Response>;
}

/** Makes the picker. */
export function createOrganizationPicker(options: OrganizationPickerOptions): OrganizationPicker {
  const { config, upstream, signIns, finish, cookies } = options;

  const find = async (request: Request, state: string) => {
    const signIn = resumeSignIn(request, cookies, "organization", state);
    const { selection } = await signIns.find(signIn);
    if (selection === undefined) throw new PageError("already_answered", 400);
    return { signIn, selection };
  };

  return {
    async show(request) {
      const state = readParameters(new URL(request.url).searchParams).require("state");
      const { selection: { organizations } } = await find(request, state);
      return await renderOrganizationPage(new URL(config.baseUrl).host, state, organizations);
    },

    async choose(request, address) {
      assertSameOrigin(request, config.baseUrl);
      const parameters = readParameters(await readForm(request));
      const organizationId = parameters.require("organization_id");
      const { signIn, selection } = await find(request, parameters.require("state"));
      if (!selection.organizations.some(({ id }) => id === organizationId)) {
        throw new PageError("damaged_form", 400);
      }
      const pending = await signIns.take(signIn);
      return await finish(
        request,
        { stage: "organization", signIn, pending },
        () =>
          upstream.selectOrganization({
            pendingToken: selection.pendingToken,
            organizationId,
            ...describeVisitor(request, address),
          }),
      );
    },
  };
}
