/**
 * The client's way to a server: a WebSocket that speaks `chat.v1`, or one line that says why there
 * is none.
 *
 * @module
 */

import { CHAT_V1 } from "../protocol.ts";
import { ConnectError, type ConnectFailure } from "./failure.ts";

/** How long a server may take to answer, in milliseconds. */
export const CONNECT_TIMEOUT = 10_000;

const TIMED_OUT = "timed out";

/** Returns where a URL leads, without what may be secret in it. */
export function formatUrl({ origin, pathname }: URL): string {
  return pathname === "/" ? origin : origin + pathname;
}

/**
 * Connects to a chat server, within `timeout` milliseconds.
 *
 * @throws {ConnectError} If there is none at `url`.
 */
export async function connect(url: URL, timeout: number = CONNECT_TIMEOUT): Promise<WebSocket> {
  const socket = new WebSocket(url, CHAT_V1);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  socket.onopen = () => resolve(undefined);
  socket.onerror = (event) => resolve(event instanceof ErrorEvent ? event.message : "");
  const timer = setTimeout(() => resolve(TIMED_OUT), timeout);
  const failure = await promise;
  clearTimeout(timer);
  socket.onopen = null;
  socket.onerror = null;
  if (failure === undefined && socket.protocol === CHAT_V1) return socket;
  if (failure === undefined || failure === TIMED_OUT) socket.close();
  const [kind, reason] = failure === undefined
    ? OTHER_PROTOCOL
    : findReason(url, failure) ?? await probe(url, failure);
  throw new ConnectError(kind, `Cannot connect to ${formatUrl(url)}: ${reason}`);
}

type Reason = readonly [kind: ConnectFailure, text: string];

const OTHER_PROTOCOL: Reason = [
  "not a chat",
  `it does not speak ${CHAT_V1}. Check the address.`,
];

/** What the runtime says of a certificate that it does not trust, and what to do. */
const CERTIFICATE_ADVICE: readonly (readonly [said: string, text: string])[] = [
  ["expired", "has expired. Ask who runs the server for a new one."],
  ["not valid yet", "is not valid yet. Check the clock of this machine."],
  ["not valid for name", "is for another name. Use the name that it was made for."],
  ["", "is not trusted. If you trust who made it: DENO_CERT=its-maker.pem before the command."],
];

/**
 * Words the runtime's error message about `url`. Returns undefined for one that does not say why.
 */
export function findReason(url: URL, failure: string): Reason | undefined {
  if (failure === TIMED_OUT) return ["unreachable", "no answer. Check the address."];
  const status = /Invalid status code: (\d+)/.exec(failure)?.[1];
  if (status === "503") return ["full", "the server is full. Try again later."];
  if (status !== undefined) {
    return ["not a chat", `HTTP ${status} is the answer, not a chat. Check the address.`];
  }
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

/** Finds out why a TCP connection failed, which the runtime does not say, by trying another. */
async function probe(url: URL, failure: string): Promise<Reason> {
  const port = Number(url.port || (url.protocol === "wss:" ? 443 : 80));
  try {
    const conn = await Deno.connect({ hostname: url.hostname.replace(/^\[|\]$/g, ""), port });
    conn.close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) {
      return ["unreachable", "connection refused. Is the server running on that port?"];
    }
    const text = error instanceof Error ? error.message : String(error);
    return ["unreachable", `${text}. Check the address.`];
  }
  const text = failure.replace(/^NetworkError: (failed to connect to WebSocket: )?/, "");
  return ["not a chat", `it does not answer like a chat (${text}). Check the address.`];
}
