/** Why a request got no answer, from what `fetch` threw. */

import { sanitizeLine } from "./sanitize.ts";

/** A request without an answer, explained. */
export interface NetworkFailure {
  /** Stable, for `--json`. */
  code:
    | "unknown_host"
    | "certificate_expired"
    | "certificate_not_yet_valid"
    | "certificate_wrong_name"
    | "certificate_untrusted"
    | "not_tls"
    | "not_http"
    | "unreachable";
  /** What happened and what to do next. */
  message: string;
}

/**
 * Explains a request that got no answer. Deno gives no code for these, only the words of its HTTP
 * and TLS libraries (hyper, rustls); words not known here get the general advice.
 *
 * @param url what was asked.
 * @param error what `fetch` threw.
 * @param serverUrl the MCP server that sent this client there, if one did: nobody has typed that
 *   address.
 */
export function explainNetworkFailure(url: URL, error: unknown, serverUrl?: URL): NetworkFailure {
  const words = collectMessages(error);
  const isNamed = serverUrl !== undefined && serverUrl.origin !== url.origin;
  const subject = isNamed
    ? `The authorization server of ${serverUrl.origin}, ${url.origin},`
    : url.origin;
  const advice = isNamed
    ? `Try again later, or tell whoever runs ${serverUrl.origin}.`
    : "Check the address, and that the server is running.";
  const fail = (code: NetworkFailure["code"], explanation: string): NetworkFailure => ({
    code,
    message: `${subject} cannot be reached: ${explanation}`,
  });
  if (words.includes("dns error")) {
    return fail(
      "unknown_host",
      `its name is not known here. Check ${
        isNamed ? "" : "the spelling, "
      }the network, and whether it needs a VPN.`,
    );
  }
  if (words.includes("invalid peer certificate")) return explainCertificate(words, fail);
  if (words.includes("received corrupt message")) {
    return fail(
      "not_tls",
      `it does not speak https there. If the server is plain http, use http://${url.host}.`,
    );
  }
  if (words.includes("invalid HTTP version")) {
    return fail(
      "not_http",
      `it does not speak http there. If the server is https, use https://${url.host}.`,
    );
  }
  if (words.includes("Connection refused")) {
    return fail("unreachable", `nothing listens there. ${advice}`);
  }
  if (/connection closed|connection reset/i.test(words)) {
    return fail("unreachable", "it ended the connection without an answer. Try again later.");
  }
  return { code: "unreachable", message: `${subject} cannot be reached. ${advice}` };
}

function explainCertificate(
  words: string,
  fail: (code: NetworkFailure["code"], explanation: string) => NetworkFailure,
): NetworkFailure {
  const end = /not valid after (\d+)/.exec(words)?.[1];
  if (end !== undefined) {
    return fail(
      "certificate_expired",
      `its certificate ran out on ${toDay(end)}. Whoever runs it has to renew it.`,
    );
  }
  const begin = /not valid before (\d+)/.exec(words)?.[1];
  if (begin !== undefined) {
    return fail(
      "certificate_not_yet_valid",
      `its certificate is valid from ${toDay(begin)} only. Check this machine's clock.`,
    );
  }
  if (words.includes("not valid for name")) {
    const names = [...words.matchAll(/(?:DnsName|IpAddress)\("?([^")]+)/g)].map(([, name]) => name);
    return fail(
      "certificate_wrong_name",
      `its certificate is for ${
        sanitizeLine(names.join(", ")) || "another name"
      }. Use that name, or tell whoever runs it.`,
    );
  }
  return fail(
    "certificate_untrusted",
    "its certificate is from nobody this machine trusts. If it is your own or your company's, " +
      "name the authority's certificate in DENO_CERT, or set DENO_TLS_CA_STORE=system.",
  );
}

/** @param seconds since 1970. */
function toDay(seconds: string): string {
  return new Date(Number(seconds) * 1000).toISOString().slice(0, 10);
}

function collectMessages(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) messages.push(cause.message);
  return messages.join(" ");
}
