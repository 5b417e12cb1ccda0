/** How this client would be known to the authorization server (CL-29), without registering it. */

import type {
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
} from "@modelcontextprotocol/client";
import { CommandError } from "../../errors.ts";
import type { ClientContext } from "../context.ts";
import { issuerOf } from "../discovery.ts";
import { SignInProvider } from "../oauth_provider.ts";
import { sanitizeLine } from "../sanitize.ts";
import { ask, describeAnswer, readObject } from "./answer.ts";
import { type Finding, ok, problem, problemOf } from "./finding.ts";
import { checkRegistrationEndpoint } from "./registration_endpoint.ts";

/** How the client would be known. */
export interface RegistrationCheck {
  finding: Finding;
  /** The client, if there is one already. */
  client?: StoredOAuthClientInformation;
}

const STEP = "registration";

/**
 * Finds out which client a sign-in would use: a given one, one registered before, a client id
 * metadata document, or a new registration.
 *
 * @param discovery the authorization server.
 * @param redirectUrl where the browser would come back to.
 */
export async function checkRegistration(
  context: ClientContext,
  discovery: OAuthDiscoveryState,
  redirectUrl: string,
): Promise<RegistrationCheck> {
  const { settings } = context;
  const metadata = discovery.authorizationServerMetadata;
  const issuer = sanitizeLine(issuerOf(discovery));
  try {
    const provider = new SignInProvider(context, { discovery, redirectUrl, state: "" });
    const client = await provider.clientInformation();
    if (client) {
      const how = settings.clientId === undefined ? "registered already" : "given";
      return { finding: ok(STEP, issuer, `${how}: ${sanitizeLine(client.client_id)}`), client };
    }
    const documentUrl = settings.clientMetadataUrl;
    if (documentUrl !== undefined && metadata?.client_id_metadata_document_supported) {
      const finding = await checkDocument(context, documentUrl, redirectUrl);
      return { finding, client: { client_id: documentUrl } };
    }
    // Metadata without such an endpoint has been refused above (MCP 2025-03-26 has none at all).
    const endpoint = metadata?.registration_endpoint ??
      new URL("/register", discovery.authorizationServerUrl).href;
    return { finding: await checkRegistrationEndpoint(context, new URL(endpoint), redirectUrl) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const party = error.code === "authorization_server_changed" ? "you" : "authorization_server";
    return { finding: problemOf(STEP, issuer, error, party) };
  }
}

/** Reads a client id metadata document as the authorization server would (CL-18). */
async function checkDocument(
  context: ClientContext,
  documentUrl: string,
  redirectUrl: string,
): Promise<Finding> {
  const answer = await ask(context, new URL(documentUrl), {
    headers: { accept: "application/json" },
  });
  const document = readObject(answer);
  const fail = (message: string) =>
    problem(STEP, documentUrl, describeAnswer(answer), {
      code: "invalid_client_metadata_document",
      message,
      fault: "you",
      advice: "Correct the document, or leave --client-metadata-url away.",
    });
  if (answer.status !== 200 || !document) return fail("There is no JSON document at that address.");
  if (document.client_id !== documentUrl) {
    return fail("Its client_id has to be the address of the document, letter by letter.");
  }
  const callback = new URL(redirectUrl);
  const fits = Array.isArray(document.redirect_uris) &&
    document.redirect_uris.some((uri) => {
      const url = URL.parse(String(uri));
      // The port of a loopback address is free (RFC 8252 §7.3).
      return url?.hostname === callback.hostname && url.pathname === callback.pathname;
    });
  if (!fits) return fail(`Its redirect_uris have to contain ${redirectUrl}; the port is free.`);
  return ok(STEP, documentUrl, "a client id metadata document that fits");
}
