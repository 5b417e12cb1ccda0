/** What WorkOS is told of the browser that a person signs in with, for its own defences. */

import { isIP } from "node:net";
import type { CodeExchange } from "../workos/upstream.ts";

/**
 * Describes a browser.
 *
 * @param address where the request came from, as far as it is known for certain.
 */
export function describeVisitor(
  request: Request,
  address: string,
): Pick<CodeExchange, "ipAddress" | "userAgent"> {
  const userAgent = request.headers.get("user-agent");
  return {
    // A proxy may write something else than an address; WorkOS would refuse the sign-in for it.
    ...(isIP(address) !== 0 && { ipAddress: address }),
    ...(userAgent && { userAgent }),
  };
}
