/**
 * The client's way to a server: a WebSocket that speaks `chat.v1`, or one line that says why there
 * is none.
 *
 * @module
 */

import { CHAT_V1 } from "../protocol.ts";
import { ConnectError } from "./link.ts";

/** How long a server may take to answer, in milliseconds. */
export const CONNECT_TIMEOUT = 10_000;

const TIMED_OUT = "timed out";

/** Returns how a person would write the URL: without the slash that stands for no path. */
export function formatUrl(url: URL): string {
  return url.pathname === "/" && url.search === "" ? url.origin : url.href;
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
  if (failure === TIMED_OUT) {
    socket.close();
    throw new ConnectError(`Cannot connect to ${formatUrl(url)}: no answer. Check the address.`);
  }
  if (failure === undefined && socket.protocol !== CHAT_V1) {
    socket.close();
    const text = `Cannot connect to ${formatUrl(url)}: it does not speak ${CHAT_V1}.`;
    throw new ConnectError(`${text} Check the address.`);
  }
  if (failure !== undefined) {
    const reason = await findReason(url, failure);
    throw new ConnectError(`Cannot connect to ${formatUrl(url)}: ${reason}`);
  }
  return socket;
}

/**
 * Words the runtime's error message. It does not say why a TCP connection failed: another attempt
 * does.
 */
async function findReason(url: URL, failure: string): Promise<string> {
  const status = /Invalid status code: (\d+)/.exec(failure)?.[1];
  if (status === "503") return "the server is full. Try again later.";
  if (status !== undefined) return `HTTP ${status} is the answer, not a chat. Check the address.`;
  if (failure.includes("dns error")) return "there is no such host. Check its name.";
  if (failure.includes("InvalidContentType")) return "it does not speak TLS. Try ws:// for wss://.";
  const port = Number(url.port || (url.protocol === "wss:" ? 443 : 80));
  try {
    const conn = await Deno.connect({ hostname: url.hostname.replace(/^\[|\]$/g, ""), port });
    conn.close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) {
      return "connection refused. Is the server running on that port?";
    }
    return `${error instanceof Error ? error.message : String(error)}. Check the address.`;
  }
  return `${failure.replace(/^NetworkError: /, "")}. Is that a chat server?`;
}
