/** The token endpoint of an AuthKit domain, for the Connect application behind this server. */

import * as z from "zod";
import { UnavailableError, WorkOSSetupError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { type ApiStep, translateApiError } from "./api_errors.ts";
import type { AuthKitMetadata } from "./authkit_domain.ts";
import type { AuthKitConfig } from "./config.ts";

/** Longest wait for an answer, in milliseconds. A renewal's reservation lasts longer. */
const TIMEOUT = 5000;

const TOKENS = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).optional(),
  id_token: z.string().min(1).optional(),
});

/** What the endpoint answers with (OpenID Connect Core 1.0 §3.1.3.3). Nothing of it is verified. */
export type TokenSet = z.infer<typeof TOKENS>;

const REFUSAL = z.object({ error: z.string() });

/** What {@link requestTokens} needs. */
export interface TokenRequest {
  metadata: AuthKitMetadata;
  application: NonNullable<AuthKitConfig["application"]>;
  fetch: typeof fetch;
  /** Parameters without those that prove who this server is. */
  form: Record<string, string>;
  step: Exclude<ApiStep, "manage">;
}

/**
 * Asks for tokens.
 *
 * @throws what {@link translateApiError} makes of a refusal, and {@link WorkOSSetupError} when the
 *   application's credentials are refused.
 */
export async function requestTokens(request: TokenRequest): Promise<TokenSet> {
  const { status, retryAfter, body } = await post(request);
  const tokens = TOKENS.safeParse(body);
  if (status === 200 && tokens.success) return tokens.data;
  const { data } = REFUSAL.safeParse(body);
  const code = data?.error;
  if (status === 401 || code === "invalid_client" || code === "unauthorized_client") {
    throw new WorkOSSetupError(
      "invalid_client",
      `The AuthKit domain answers ${code ?? status}. Check that WORKOS_CLIENT_ID and ` +
        "WORKOS_CLIENT_SECRET are those of one Connect application of WORKOS_AUTHKIT_DOMAIN.",
    );
  }
  const failure = { status: status === 200 ? 502 : status, ...(code && { error: code }) };
  throw translateApiError({ ...failure, ...(retryAfter && { retryAfter }) }, request.step);
}

async function post(
  { metadata, application, fetch, form }: TokenRequest,
): Promise<{ status: number; retryAfter: number; body: unknown }> {
  const { clientId, clientSecret } = application;
  const methods = metadata.token_endpoint_auth_methods_supported;
  const inBody = methods.includes("client_secret_post") || !methods.includes("client_secret_basic");
  const body = new URLSearchParams(form);
  const headers = new Headers({ accept: "application/json" });
  if (inBody) {
    body.set("client_id", clientId);
    body.set("client_secret", clientSecret);
  } else {
    const credentials = `${encodeForm(clientId)}:${encodeForm(clientSecret)}`;
    headers.set("authorization", `Basic ${btoa(credentials)}`);
  }
  try {
    const response = await fetch(metadata.token_endpoint, {
      method: "POST",
      headers,
      body,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const retryAfter = Number(response.headers.get("retry-after")) || 0;
    return { status: response.status, retryAfter, body: parseJson(await response.text()) };
  } catch (error) {
    throw new UnavailableError("workos_unavailable", "The AuthKit domain does not answer.", 5, {
      cause: error,
    });
  }
}

/** RFC 6749 §2.3.1 wants both parts encoded like a form before they are joined. */
function encodeForm(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice("v=".length);
}
