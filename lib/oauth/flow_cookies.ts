/**
 * Cookies that tie a sign-in to the browser it began in (MCP 2026-07-28, CD-7, CD-9, CD-12 to
 * CD-16). One cookie a flow: a shared one would let one tab break another.
 */

import { parse, serialize } from "hono/utils/cookie";
import { SIGN_IN_LIFETIME } from "./lifetimes.ts";

/** The stages at which a browser is recognised. */
export type FlowStage = "consent" | "sign-in" | "organization";

/**
 * Cookies of each kind a browser may hold at once. Beyond that the oldest goes: without a cap,
 * reloading the page would grow the header until servers refuse it.
 */
const MAX_COOKIES: Record<FlowStage, number> = { consent: 32, "sign-in": 8, organization: 8 };

/** Reads and writes flow cookies. */
export interface FlowCookies {
  /** The value of one flow's cookie. */
  read(request: Request, stage: FlowStage, id: string): string | undefined;
  /** `Set-Cookie` lines that add one flow's cookie and drop the oldest beyond the cap. */
  write(request: Request, stage: FlowStage, id: string, value: string): string[];
  /** The `Set-Cookie` line that ends one flow's cookie. */
  end(stage: FlowStage, id: string): string;
}

/**
 * Makes the reader and writer.
 *
 * @param secure whether the server is reached over https. The `__Host-` prefix and `Secure` need
 *   that; a plain name is used on http loopback only.
 */
export function createFlowCookies(secure: boolean): FlowCookies {
  const prefix = (stage: FlowStage) => `${secure ? "__Host-" : ""}${stage}-`;
  const header = (name: string, value: string, maxAge: number) =>
    serialize(name, value, { path: "/", httpOnly: true, secure, sameSite: "Lax", maxAge });
  const cookies = (request: Request) => parse(request.headers.get("cookie") ?? "");

  return {
    read: (request, stage, id) => cookies(request)[prefix(stage) + id],

    write(request, stage, id, value) {
      const name = prefix(stage) + id;
      const others = Object.keys(cookies(request)).filter((other) =>
        other.startsWith(prefix(stage)) && other !== name
      );
      // Browsers send the oldest first (RFC 6265 §5.4).
      const excess = others.slice(0, Math.max(0, others.length + 1 - MAX_COOKIES[stage]));
      return [
        ...excess.map((other) => header(other, "", 0)),
        header(name, value, SIGN_IN_LIFETIME / 1000),
      ];
    },

    end: (stage, id) => header(prefix(stage) + id, "", 0),
  };
}
