/**
 * Other protocols on the port of lines. A web page can have its visitor's browser send a request to
 * any address (`fetch()` with `mode: "no-cors"`), and each line of its body would be said. So a
 * connection that begins as one of another protocol is not for us.
 *
 * @module
 */

/** How a TLS hello begins: a handshake record of version 3.x (RFC 8446, section 5.1). */
export const TLS_HELLO: Uint8Array = new Uint8Array([0x16, 0x03]);

/** A method, which is any token, and a version, of a request line (RFC 9112, section 3). */
const [METHOD, VERSION] = [/^[\w!#$%&'*+\-.^`|~]+$/, /^HTTP\/\d+(?:\.\d+)?$/i];

/** A target behind whose scheme or host is a colon, as there is in no `I love HTTP/1.1`. */
const ABSOLUTE_TARGET = /^[^:]+:./;

/** The first line of SSH (RFC 4253, section 4.2). */
const SSH_BANNER = /^SSH-\d+\.\d+-/i;

const decoder = new TextDecoder("latin1");

/** Tells whether a line has nothing in it but white space and NULs. */
export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0 || byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

/**
 * Whether it is a request line of HTTP/1 or the preface of HTTP/2 (RFC 9113, section 3.4), or a
 * request of HTTP/0.9, which has neither a version nor another method than GET.
 */
function isRequestLine(text: string): boolean {
  const words = text.split(/[ \t]+/);
  const [method = "", target = ""] = words;
  if (words.length === 2) return method.toUpperCase() === "GET" && target.startsWith("/");
  if (!METHOD.test(method) || !VERSION.test(words.at(-1) ?? "")) return false;
  // Servers that are not strict take a path with spaces in it.
  if (target.startsWith("/")) return true;
  return words.length === 3 && (target === "*" || ABSOLUTE_TARGET.test(target));
}

/**
 * Returns what a connection is whose first line this is, if it is of another protocol: a noun. An
 * empty line is the beginning of none (RFC 9112, section 2.2, has servers skip it): look at the next.
 */
export function recognizeForeign(line: Uint8Array): string | undefined {
  if (TLS_HELLO.every((byte, i) => byte === line[i])) return "a TLS hello";
  const text = decoder.decode(line).trim();
  if (isRequestLine(text)) return "an HTTP request";
  return SSH_BANNER.test(text) ? "an SSH banner" : undefined;
}
