/**
 * Where a client is that comes through a proxy.
 *
 * @module
 */

import { isIP } from "node:net";
import type { Address } from "./listen.ts";

/**
 * Returns the address that the nearest proxy saw: the last of `X-Forwarded-For`, which that proxy has
 * added; what stands before it can be anybody's invention. It has no port, so the port is that of the
 * proxy's connection, even where the header has one. If it names no address, it is the proxy's own.
 */
export function forwardedFor(request: Request, { hostname, port }: Address): Address {
  const header = request.headers.get("x-forwarded-for") ?? "";
  const last = header.slice(header.lastIndexOf(",") + 1).trim();
  const [, bare = last] = /^\[([\da-f:.]+)\](?::\d+)?$/i.exec(last) ??
    /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(last) ?? [];
  // A zone means something on the proxy alone (RFC 4007, section 11).
  return { hostname: isIP(bare) === 0 || bare.includes("%") ? hostname : bare, port };
}
