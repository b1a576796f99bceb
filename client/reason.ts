/**
 * Why the runtime could not connect, in words for people: it says so only in its error messages, or
 * not at all.
 *
 * @module
 */

import { NO_ANSWER, type Reason } from "./connect.ts";
import type { Proxy } from "./proxy.ts";

/** What the runtime says of a certificate that it does not trust, and what to do. */
const CERTIFICATE_ADVICE: readonly (readonly [said: string, text: string])[] = [
  ["expired", "has expired. Ask who runs the server for a new one."],
  ["not valid yet", "is not valid yet. Check the clock of this machine."],
  ["not valid for name", "is for another name. Use the name that it was made for."],
  ["", "is not trusted. If you trust who made it: DENO_CERT=its-maker.pem before the command."],
];

const STATUS = /Invalid status code: (\d+)/;

function wordStatus(status: string): Reason {
  if (status === "503") return ["full", "the server is full. Try again later."];
  return ["not a chat", `HTTP ${status} is the answer, not a chat. Check the address.`];
}

/**
 * Words the runtime's error message about `url`. Returns undefined for one that does not say why.
 */
export function findReason(url: URL, failure: string): Reason | undefined {
  const status = STATUS.exec(failure)?.[1];
  if (status !== undefined) return wordStatus(status);
  if (failure.includes("dns error")) {
    return ["unknown host", `there is no host ${url.hostname}. Check its name.`];
  }
  if (failure.includes("InvalidContentType")) {
    return ["not a chat", "it does not speak TLS. Try ws:// for wss://."];
  }
  if (failure.includes("invalid HTTP version")) {
    return ["not a chat", "it does not speak HTTP. Try wss:// if it speaks TLS."];
  }
  if (failure.includes("CA file")) {
    return ["untrusted", "the file that DENO_CERT names cannot be read. Check its path."];
  }
  if (failure.includes("certificate")) {
    const [, advice = ""] = CERTIFICATE_ADVICE.find(([said]) => failure.includes(said)) ?? [];
    return ["untrusted", `its certificate ${advice}`];
  }
  return undefined;
}

/** Returns what the runtime said, without what it says of every failure. */
function shorten(failure: string): string {
  return failure.replace(/^NetworkError: (failed to connect to WebSocket: )?/, "");
}

/** Words why there is no connection through a proxy: what is behind it cannot be asked. */
function wordProxy(url: URL, { variable, address }: Proxy, failure: string): Reason {
  const found = findReason(url, failure);
  if (found?.[0] === "untrusted") return found;
  return [
    "unreachable",
    `the way there leads through the proxy ${address}, which ${variable} names, and it fails ` +
    `(${shorten(failure)}). Check the proxy, or put ${url.hostname} into no_proxy.`,
  ];
}

/**
 * Finds out why there is no connection to `url`, after the runtime has said `failure`, or nothing in
 * time. It does not say why a TCP connection failed: that takes another try.
 */
export async function explain(url: URL, failure?: string, proxy?: Proxy): Promise<Reason> {
  if (proxy) return wordProxy(url, proxy, failure ?? "no answer");
  if (failure === undefined) return NO_ANSWER;
  // Over TLS it tries again with HTTP/2, and tells only of that; and the host that it does not find
  // can be that of a proxy.
  const isVague = (url.protocol === "wss:" && STATUS.test(failure)) ||
    failure.includes("dns error");
  return (isVague ? undefined : findReason(url, failure)) ?? await probe(url, failure);
}

/** Asks for a WebSocket by hand. Returns the status of the answer, if there is one. */
async function ask(conn: Deno.Conn, url: URL): Promise<string | undefined> {
  const head = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${btoa("\0".repeat(16))}`,
  ];
  await conn.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
  const buffer = new Uint8Array(64);
  const answer = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
  return /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
}

/** Finds out why a connection failed, by trying another. */
async function probe(url: URL, failure: string): Promise<Reason> {
  const isTls = url.protocol === "wss:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || (isTls ? 443 : 80));
  try {
    using conn = await (isTls ? Deno.connectTls : Deno.connect)({ hostname, port });
    const status = isTls ? await ask(conn, url) : undefined;
    if (status !== undefined && status !== "101") return wordStatus(status);
  } catch (error) {
    const found = failure.includes("dns error") ? findReason(url, failure) : undefined;
    if (found) return found;
    if (error instanceof Deno.errors.ConnectionRefused) {
      return ["unreachable", "connection refused. Is the server running on that port?"];
    }
    const text = error instanceof Error ? error.message : String(error);
    return ["unreachable", `${text}. Check the address.`];
  }
  if (/dns error|tcp connect error|proxy/i.test(failure)) {
    const variables = "http_proxy, https_proxy or all_proxy";
    const text = `it is there, but the proxy that ${variables} names fails`;
    const advice = `Check the proxy, or put ${url.hostname} into no_proxy.`;
    return ["unreachable", `${text} (${shorten(failure)}). ${advice}`];
  }
  const text = `it does not answer like a chat (${shorten(failure)}). Check the address.`;
  return ["not a chat", text];
}
