/**
 * Origins: which web pages may open a WebSocket here.
 *
 * A browser lets every page connect everywhere, with whatever its user can reach, and says in
 * `Origin` which page it is (RFC 6455, section 10.2). So a page is let in if it came from this server,
 * if page and server are both on the user's own machine, or if `--allow-origin` names it. Programs
 * that are no browsers send no `Origin`.
 *
 * A page can bring its own name to lead to another's address (DNS rebinding), and then `Host` and
 * `Origin` agree. So a name counts as this server's own only if it was given; an address needs no
 * name.
 *
 * @module
 */

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const ADDRESS = /^(\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])$/;

/** Returns an origin as browsers write it, or undefined if `text` is none. */
export function parseOrigin(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  return url.href === `${url.origin}/` ? url.origin : undefined;
}

/** What decides: who asks for what, and whom the operator allows. */
export interface Claim {
  /** The `Origin` header; null if there is none. */
  readonly origin: string | null;
  /** The URL of the request; its host is that of the `Host` header. */
  readonly url: URL;
  /** Origins as {@linkcode parseOrigin} returns them. */
  readonly allowed: ReadonlySet<string>;
}

/** Tells whether a host is this server's under that name: one that nobody else can take on. */
export function isOwnHost(hostname: string, allowed: ReadonlySet<string>): boolean {
  return hostname === "localhost" || ADDRESS.test(hostname) ||
    Array.from(allowed).some((origin) => new URL(origin).hostname === hostname);
}

/** Tells whether whoever asks may open a WebSocket. */
export function isOriginAllowed({ origin, url, allowed }: Claim): boolean {
  if (origin === null) return true;
  if (allowed.has(origin)) return true;
  const page = URL.parse(origin);
  if (!page || parseOrigin(origin) === undefined) return false;
  if (LOOPBACK.test(page.hostname) && LOOPBACK.test(url.hostname)) return true;
  // A proxy may speak TLS for this server, so `https` and `http` are the same to it: which port is
  // meant when none is written, the page's scheme says.
  const own = URL.parse(`${page.protocol}//${url.host}`);
  return own?.host === page.host && isOwnHost(url.hostname, allowed);
}
