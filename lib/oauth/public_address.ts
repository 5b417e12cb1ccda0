/** Which addresses belong to the public internet (MCP 2026-07-28, AS-22, SSRF-1). */

import ipaddr from "ipaddr.js";

/** The only IPv6 block that IANA gives out for the internet (RFC 4291 §2.4, RFC 3513 §4). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether a server may be asked at this address on a stranger's word. Refused are private,
 * loopback, link-local, shared, multicast and reserved addresses, and every IPv6 form that carries
 * an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo, ISATAP), whatever it carries: a gateway
 * could turn it into one of the former.
 *
 * @param address as a resolver answers it; anything else is not public.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed instanceof ipaddr.IPv4 || (parsed.match(GLOBAL_UNICAST) && !isIsatap(parsed));
}

/** RFC 5214 §6.1: told by the interface identifier, under any prefix. */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe;
}
