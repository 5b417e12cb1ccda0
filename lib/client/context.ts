/** What the parts of the client share: settings, and everything outside as arguments. */

import type { FetchLike } from "@modelcontextprotocol/client";
import type { Log } from "../log.ts";
import type { Listen } from "./callback_server.ts";
import type { SetDeadline } from "./deadline.ts";
import type { TokenCache } from "./token_cache.ts";

/** Choices of the user for signing in. */
export interface SignInSettings {
  /** Scopes to ask for, separated by spaces, instead of those the server suggests. */
  scope?: string | undefined;
  /** Whether tokens that lack some of {@link scope} will not do, even where the server takes them. */
  requireScope?: boolean | undefined;
  /** A client registered beforehand. */
  clientId?: string | undefined;
  /** Secret of {@link clientId}. */
  clientSecret?: string | undefined;
  /** Where this client's metadata document is, https (MCP 2026-07-28, CL-18). */
  clientMetadataUrl?: string | undefined;
  /** Host of the redirect URI: `127.0.0.1`, `localhost` or `::1`. */
  callbackHost: string;
  /** Port of the redirect URI; the one of the registration, or a free one, when absent. */
  callbackPort?: number | undefined;
  /** How long to wait for the person, in milliseconds. */
  timeout: number;
}

/** A step on the way to the server, in one sentence for people. */
export interface Step {
  name:
    | "waiting"
    | "sign_in_needed"
    | "discovered"
    | "registered"
    | "authorization_url"
    | "sign_in_awaited"
    | "metadata_document_unused"
    | "remote_session"
    | "browser_opened"
    | "browser_failed"
    | "paste_invited"
    | "paste_rejected"
    | "signed_in";
  text: string;
}

/** Everything {@link ClientContext} holds apart from the server. */
export interface ConnectOptions {
  settings: SignInSettings;
  cache: TokenCache;
  fetch: FetchLike;
  /** Clock, in milliseconds. */
  now: () => number;
  /** Limits how long is waited for a server. */
  setDeadline: SetDeadline;
  /** Cryptographically strong random bytes. */
  random: (length: number) => Uint8Array;
  log: Log;
  /** Hears of each step as it happens. */
  onStep: (step: Step) => void;
  /** Ends everything under way when it aborts; its reason is what callers get. */
  signal: AbortSignal;
  /** Opens the loopback listener. */
  listen: Listen;
  /** Opens a loopback URL in the browser; absent: a person or a program opens the printed one. */
  openBrowser?: ((url: URL) => Promise<void>) | undefined;
  /**
   * How a browser elsewhere comes back to a redirect URI on this machine, and whether one is being
   * opened here; absent: it is here.
   */
  adviseOnReturn?: ((redirectUrl: URL, isBrowserOpen: boolean) => string | undefined) | undefined;
  /** Whether somebody reads what {@link onStep} says, and can open an address; then it is waited for. */
  isAttended?: boolean | undefined;
  /** Lines the person types or pastes; absent: nobody can. */
  readLines?: ((signal: AbortSignal) => AsyncIterable<string>) | undefined;
}

/** {@link ConnectOptions} for one server. */
export interface ClientContext extends ConnectOptions {
  /** In its canonical form, see `parseServerUrl`. */
  serverUrl: URL;
}
