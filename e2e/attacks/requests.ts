/**
 * Attacks by HTTP.
 *
 * @module
 */

import { type Attack, each, sumUp, type Target, together } from "./attack.ts";
import { handshake, type WebSocketOptions } from "../../tests/raw_websocket.ts";
import { join, RawConnection } from "../../tests/raw.ts";

/** Bytes of a body that nobody asked for. */
const BODY = 64_000_000;

/** A request; `HOST` in it is the server's own. */
type Request = string | Uint8Array;

/** Sends a request, and returns the status of the answer. */
async function ask({ port }: Target, request: Request): Promise<string> {
  using connection = await RawConnection.open({ port });
  const text = typeof request === "string"
    ? request.replaceAll("HOST", `127.0.0.1:${port}`)
    : request;
  await connection.write(text);
  const head = await connection.takeTo("\r\n\r\n");
  return head === undefined ? "no answer" : `HTTP ${head.slice(9, 12)}`;
}

function get(path: string, ...headers: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: HOST", ...headers, "", ""].join("\r\n");
}

function requests(
  name: string,
  what: string,
  expected: string,
  all: readonly Request[],
): Attack {
  return { name, what, expected, run: (target) => each(all, (request) => ask(target, request)) };
}

/** Returns an attack with a WebSocket's handshake in which something is wrong. */
function handshakes(
  name: string,
  what: string,
  expected: string,
  all: readonly WebSocketOptions[],
): Attack {
  return {
    name,
    what,
    expected,
    run: (target) => each(all, (options) => ask(target, handshake(target, options))),
  };
}

/** Sends a body that is not asked for, and does not end. */
async function sendBody(target: Target, headers: string): Promise<string> {
  using connection = await RawConnection.open(target);
  await connection.write(`POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n\r\n`);
  const part = join("10000\r\n", new Uint8Array(65_536), "\r\n");
  let sent = 0;
  const writing = (async () => {
    while (sent < BODY && await connection.write(part)) sent += part.length;
  })();
  const head = await connection.takeTo("\r\n\r\n") ?? "no answer";
  await connection.rest(1_000);
  connection[Symbol.dispose]();
  await writing;
  return `HTTP ${head.slice(9, 12)}`;
}

/** Sends so many requests at once. Returns the statuses of all the answers. */
async function pipeline(target: Target, path: string, count: number): Promise<string> {
  using connection = await RawConnection.open(target);
  const request = get(path).replace("HOST", "127.0.0.1");
  const last = get(path, "Connection: close").replace("HOST", "127.0.0.1");
  const writing = connection.write(request.repeat(count - 1) + last);
  const statuses = Array.from((await connection.rest()).matchAll(/HTTP\/1\.1 (\d+)/g));
  await writing;
  const all = sumUp(statuses.map(([, status]) => `HTTP ${status}`));
  return `${statuses.length} times ${all}`;
}

/** Asks for the page's largest file again and again, and reads nothing. */
async function askAndNotRead(target: Target): Promise<string> {
  using connection = await RawConnection.open(target);
  const request = get("/protocol.ts").replace("HOST", "127.0.0.1");
  await connection.write(request.repeat(300));
  const head = await connection.takeTo("\r\n\r\n") ?? "";
  return `HTTP ${head.slice(9, 12)}`;
}

/** Returns a frame of HTTP/2 (RFC 9113, section 4.1). */
function http2Frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
): Uint8Array {
  const head = new DataView(new ArrayBuffer(9));
  head.setUint32(0, payload.length << 8 | type);
  head.setUint8(4, flags);
  head.setUint32(5, stream);
  return join(new Uint8Array(head.buffer), payload);
}

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** GET / by HTTP, as HPACK's own table has it (RFC 7541, appendix A), from a host. */
const HTTP2_GET = join(new Uint8Array([0x82, 0x86, 0x84, 0x01, 9]), "127.0.0.1");

/** Opens streams of HTTP/2 and resets each at once: CVE-2023-44487. */
async function resetRapidly(target: Target): Promise<string> {
  using connection = await RawConnection.open(target);
  const parts: Uint8Array[] = [join(PREFACE), http2Frame(4, 0, 0, new Uint8Array())];
  for (let stream = 1; stream < 20_000; stream += 2) {
    parts.push(http2Frame(1, 5, stream, HTTP2_GET));
    parts.push(http2Frame(3, 0, stream, new Uint8Array([0, 0, 0, 8])));
  }
  const writing = connection.write(join(...parts));
  await connection.rest(2_000);
  const got = connection.hasEnded ? "cut off" : "left open";
  connection[Symbol.dispose]();
  await writing;
  return got;
}

/** Sends the head of a request of HTTP/2 that does not end: CVE-2024-27316. */
async function continueEndlessly(target: Target): Promise<string> {
  using connection = await RawConnection.open(target);
  const part = http2Frame(9, 0, 1, new Uint8Array(16_000).fill(0x82));
  const writing = connection.write(
    join(
      PREFACE,
      http2Frame(4, 0, 0, new Uint8Array()),
      http2Frame(1, 1, 1, HTTP2_GET),
      ...Array<Uint8Array>(500).fill(part),
    ),
  );
  await connection.rest(2_000);
  const got = connection.hasEnded ? "cut off" : "left open";
  connection[Symbol.dispose]();
  await writing;
  return got;
}

/** By HTTP. */
export const REQUESTS: readonly Attack[] = [
  requests("huge head", "70 KB in one header, and 1 MB.", "HTTP 400", [
    get("/", `X: ${"x".repeat(70_000)}`),
    get("/", `X: ${"x".repeat(1_000_000)}`),
  ]),
  requests("200 headers", "Each of a few bytes.", "HTTP 400", [
    get("/", ...Array.from({ length: 200 }, (_, i) => `X-${i}: x`)),
  ]),
  requests("garbage instead of HTTP", "Bytes, a sentence, TLS, another version.", "HTTP 400", [
    "\0\x01\x02\x03\r\n\r\n",
    "hello, is anybody there?\r\n\r\n",
    join(new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), new Uint8Array(600)),
    "GET / HTTP/9.9\r\nHost: HOST\r\n\r\n",
    "GET /\0 HTTP/1.1\r\nHost: HOST\r\n\r\n",
  ]),
  requests("smuggled requests", "Two lengths, a length and chunks, a length below 0.", "HTTP 400", [
    "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n",
  ]),
  requests("other methods", "BREW, TRACE, CONNECT, DELETE, POST.", "HTTP 405", [
    ...["BREW", "TRACE", "DELETE", "POST"].map((method) => get("/").replace("GET", method)),
    "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: HOST\r\n\r\n",
  ]),
  requests(
    "paths to other files",
    "With %00, ../, %2e%2e, \\ and much else.",
    "HTTP 404; HTTP 400",
    [
      "/%00",
      "/../../etc/passwd",
      "/web/../../etc/passwd",
      "/web/..%2f..%2fserver.ts",
      "/%2e%2e/%2e%2e/etc/passwd",
      "/..\\..\\etc\\passwd",
      "/server.ts",
      "/deno.json",
      "/__proto__",
      "/%zz%ff",
      `/${"a".repeat(60_000)}`,
      "//example.com/",
    ].map((path) => get(path)),
  ),
  requests("path in Host", "What would lead elsewhere, if it were read as a URL.", "HTTP 400", [
    get("/").replace("HOST", "127.0.0.1/healthz?"),
  ]),
  requests("nonsense as Host", "No host at all, a port that is none, two.", "HTTP 400", [
    ...["%%%:abc", "a b", "127.0.0.1:99999", "[::1"].map((host) => get("/").replace("HOST", host)),
    "GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
  ]),
  requests(
    "rebinding Host",
    "The page under a name that is not the server's, which leads to it all the same.",
    "HTTP 403",
    [get("/").replace("HOST", "evil.example"), get("http://evil.example/")],
  ),
  handshakes(
    "foreign Origin",
    "A WebSocket of somebody else's page, also under a name that leads here.",
    "HTTP 403",
    [
      { headers: ["Origin: https://evil.example"] },
      { headers: ["Origin: null"] },
      { headers: ["Origin: http://127.0.0.1.evil.example"] },
      { headers: ["Origin: http://evil.example", "Host: evil.example"] },
      { headers: ["Origin: http://127.0.0.1", "Host: evil.example"] },
      { path: "/text", headers: ["Origin: https://evil.example"] },
    ],
  ),
  handshakes("long Origin", "60 KB of it, which the log is told.", "HTTP 403", [
    { headers: [`Origin: https://${"x".repeat(60_000)}.example`] },
  ]),
  handshakes(
    "wrong handshakes",
    "No Connection, no room's name.",
    "HTTP 400",
    [
      { headers: ["Connection: keep-alive"] },
      { path: "/?room=../../etc" },
      { path: "/text?room=%00" },
    ],
  ),
  handshakes("old WebSocket", "Version 8, and none.", "HTTP 426", [
    { headers: ["Sec-WebSocket-Version: 8"] },
    { headers: ["Sec-WebSocket-Version: "] },
  ]),
  {
    name: "pipelined requests",
    what: "1,000 at once on each of 5 connections.",
    expected: "1000 times HTTP 200",
    run: (target) => together(5, () => pipeline(target, "/healthz", 1_000)),
  },
  {
    name: "flood of numbers",
    what: "/metrics, which is the most work, 200 times at once on each of 5 connections.",
    expected: "200 times HTTP 200",
    run: (target) => together(5, () => pipeline(target, "/metrics", 200)),
  },
  {
    name: "answers that are not read",
    what: "300 times the page's largest file at once, on each of 20 connections.",
    expected: "HTTP 200",
    run: (target) => together(20, () => askAndNotRead(target)),
  },
  {
    name: "bodies without end",
    what: "64 MB that nobody asked for, with a length of 1 GB, and in chunks.",
    expected: "HTTP 405",
    run: (target) =>
      each(
        ["Content-Length: 1000000000", "Transfer-Encoding: chunked"],
        (headers) => sendBody(target, headers),
      ),
  },
  {
    name: "rapid reset",
    what: "10,000 requests of HTTP/2, each reset at once.",
    expected: "cut off",
    run: resetRapidly,
  },
  {
    name: "endless head of HTTP/2",
    what: "8 MB of CONTINUATION frames.",
    expected: "cut off",
    run: continueEndlessly,
  },
];
