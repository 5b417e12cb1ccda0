/**
 * What is counted. Whatever matters to an operator has a line in the log with a stable code, so the
 * counters follow the log, and a new one is an entry in this table.
 */

import type { OAuthErrorCode, PageErrorCode, WorkOSSetupError } from "../errors.ts";
import type { SignatureProblem } from "../events/webhook_signature.ts";
import { ACCESS_EVENTS } from "../events/workos_event.ts";

/**
 * Where an event tells how it went: `ok` for one that went well, `event` for one whose own code says
 * it all, else the name of a field.
 */
export type CodeSource = "ok" | "event" | "error" | "reason";

/** A counter of events. */
export interface CounterDefinition {
  /** In braces, as OpenTelemetry writes units of things. */
  unit: string;
  description: string;
  /** The one attribute; `error.type` unless told, which is absent where all went well. */
  attribute?: string;
  /**
   * What the fields may say. Anything else is counted as `_OTHER`, so that neither WorkOS nor a
   * stranger can make up time series.
   */
  codes?: readonly string[];
  /** By their codes in the log. */
  events: Readonly<Record<string, CodeSource>>;
}

/** All that a request can be refused with. A record, so that the compiler misses no new code. */
const REFUSALS: Record<OAuthErrorCode | PageErrorCode, true> = {
  access_denied: true,
  already_answered: true,
  damaged_form: true,
  foreign_form: true,
  insufficient_scope: true,
  invalid_client: true,
  invalid_client_metadata: true,
  invalid_grant: true,
  invalid_redirect_uri: true,
  invalid_request: true,
  invalid_scope: true,
  invalid_target: true,
  invalid_token: true,
  other_browser: true,
  server_error: true,
  sign_in_expired: true,
  temporarily_unavailable: true,
  unauthorized_client: true,
  unsolicited: true,
  unsupported_grant_type: true,
  unsupported_response_type: true,
};

/** WorkOS refuses this server. */
const SETUP_FAILURES: Record<WorkOSSetupError["code"], "event"> = {
  clock_skew: "event",
  invalid_api_key: "event",
  invalid_authkit_domain: "event",
  invalid_client: "event",
  invalid_connection: "event",
  invalid_token: "event",
  no_api_key: "event",
};

/** Why an event is not taken for one of WorkOS. */
const EVENT_PROBLEMS: Record<SignatureProblem | "malformed", true> = {
  from_future: true,
  malformed: true,
  too_old: true,
  unsigned: true,
  wrong_signature: true,
};

/** Why WorkOS or the settings turn away who was let in before. WorkOS has more, which are rare. */
const TURNED_AWAY = [
  "claim_not_met",
  "organization_membership_not_found",
  "organization_not_found",
  "scope_not_granted",
  "sso_required",
  "wrong_connection",
  "wrong_organization",
];

/** Counters by name. */
export const COUNTERS: Readonly<Record<string, CounterDefinition>> = {
  "workos_mcp.sign_ins": {
    unit: "{sign_in}",
    description: "Sign-ins that ended, well or not.",
    codes: ["access_denied", "server_error", "store_unavailable", "workos_unavailable"],
    events: { grant_created: "ok", consent_denied: "event", sign_in_failed: "error" },
  },
  "workos_mcp.token_refreshes": {
    unit: "{refresh}",
    description: "Refresh tokens that clients presented.",
    codes: ["invalid_grant", "invalid_scope", "store_unavailable", "workos_unavailable"],
    events: { tokens_refreshed: "ok", refresh_shared: "ok", refresh_failed: "error" },
  },
  "workos_mcp.session_renewals": {
    unit: "{renewal}",
    description: "Renewals of sessions at WorkOS.",
    codes: [
      "session_ended",
      "unverified_renewal",
      "workos_unavailable",
      ...Object.keys(SETUP_FAILURES),
      ...TURNED_AWAY,
    ],
    events: { session_renewed: "ok", renewal_failed: "error" },
  },
  "workos_mcp.organization_switches": {
    unit: "{switch}",
    description: "Switches to another organization that people asked for.",
    codes: ["switch_unsupported", ...TURNED_AWAY],
    events: { organization_switched: "ok", switch_refused: "reason" },
  },
  "workos_mcp.ended_grants": {
    unit: "{grant}",
    description: "Grants that ended before their time.",
    attribute: "workos_mcp.grant.end_reason",
    codes: [
      "code_replayed",
      "refresh_token_reused",
      "revoked_by_client",
      "session_ended",
      "wrong_code_verifier",
      "wrong_redirect_uri",
      ...ACCESS_EVENTS,
      ...TURNED_AWAY,
    ],
    events: { grant_ended: "reason" },
  },
  "workos_mcp.access_events": {
    unit: "{event}",
    description: "Events of WorkOS that change who has access.",
    codes: Object.keys(EVENT_PROBLEMS),
    events: {
      event_handled: "ok",
      event_delayed: "event",
      event_refused: "reason",
      event_unreadable: "event",
    },
  },
  "workos_mcp.client_registrations": {
    unit: "{client}",
    description: "Clients that registered themselves.",
    events: { client_registered: "ok" },
  },
  "workos_mcp.refused_requests": {
    unit: "{request}",
    description: "Requests that were refused.",
    codes: Object.keys(REFUSALS),
    events: {
      authorization_refused: "error",
      client_metadata_unavailable: "event",
      host_refused: "event",
      insufficient_scope: "event",
      origin_refused: "event",
      request_refused: "error",
      token_refused: "error",
      too_many_requests: "event",
    },
  },
  "workos_mcp.failures": {
    unit: "{failure}",
    description: "What an operator may have to look into.",
    events: {
      ...SETUP_FAILURES,
      audit_entries_dropped: "event",
      event_cursor_lost: "event",
      internal_error: "event",
      listener_failed: "event",
      not_ready: "event",
      register_failed: "event",
      session_not_revoked: "event",
      session_save_delayed: "event",
      store_unavailable: "event",
      unverified_renewal: "event",
      workos_unavailable: "event",
    },
  },
};
