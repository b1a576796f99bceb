/**
 * The client's way to a server: a WebSocket that speaks `chat.v1`, or one line that says why there
 * is none.
 *
 * @module
 */

import { CHAT_V1, CloseCode, MAX_SERVER_FRAME } from "../protocol.ts";
import { ConnectError, type ConnectFailure } from "./failure.ts";

/** How long a server may take to answer, in milliseconds. */
export const CONNECT_TIMEOUT = 10_000;

/** Why there is no connection: for programs, and what is wrong and what to do. */
export type Reason = readonly [kind: ConnectFailure, text: string];

/**
 * Finds out why there is no connection to `url`, after the runtime has said `failure`, or nothing in
 * time.
 */
export type Explain = (url: URL, failure?: string) => Promise<Reason>;

/** Why there is no connection, where nothing more is known. */
export const NO_ANSWER: Reason = ["unreachable", "no answer. Check the address."];

const OTHER_PROTOCOL: Reason = [
  "not a chat",
  `it does not speak ${CHAT_V1}. Check the address.`,
];

/** Settings of {@linkcode connect}. */
export interface ConnectOptions {
  /** Default: there is no answer, which is all that a browser tells. */
  readonly explain?: Explain | undefined;
  /** How long the server may take, in milliseconds. Default {@linkcode CONNECT_TIMEOUT}. */
  readonly timeout?: number | undefined;
}

/** Returns where a URL leads, without what may be secret in it. */
export function formatUrl({ origin, pathname }: URL): string {
  return pathname === "/" ? origin : origin + pathname;
}

/** What ends a connection whose server sends more than any chat server does. */
const TOO_MUCH =
  `It sent more than ${MAX_SERVER_FRAME} characters at once, as no chat server does.`;

/** Ends a connection over which too much comes at once, before anything is done with it. */
function guard(event: MessageEvent): void {
  const { data, target } = event;
  const size = typeof data === "string" ? data.length : data instanceof Blob ? data.size : 0;
  if (size <= MAX_SERVER_FRAME || !(target instanceof WebSocket)) return;
  event.stopImmediatePropagation();
  // Its owner is told at once: such a server may never answer a close frame.
  const code = CloseCode.normal;
  target.dispatchEvent(new CloseEvent("close", { code, reason: TOO_MUCH }));
  target.close();
}

/**
 * Connects to a chat server. What it sends in one frame has at most {@linkcode MAX_SERVER_FRAME}
 * characters; a server that sends more ends the connection.
 *
 * @throws {ConnectError} If there is none at `url`.
 */
export async function connect(
  url: URL,
  { explain = () => Promise.resolve(NO_ANSWER), timeout = CONNECT_TIMEOUT }: ConnectOptions = {},
): Promise<WebSocket> {
  const socket = new WebSocket(url, CHAT_V1);
  socket.addEventListener("message", guard);
  const { promise, resolve, reject } = Promise.withResolvers<Reason | undefined>();
  socket.onopen = () => resolve(socket.protocol === CHAT_V1 ? undefined : OTHER_PROTOCOL);
  socket.onerror = (event) => {
    const failure = event instanceof ErrorEvent ? event.message : "";
    explain(url, failure).then(resolve, reject);
  };
  const timer = setTimeout(() => explain(url).then(resolve, reject), timeout);
  const reason = await promise;
  clearTimeout(timer);
  socket.onopen = null;
  socket.onerror = null;
  if (reason === undefined) return socket;
  socket.close();
  const [kind, text] = reason;
  throw new ConnectError(kind, `Cannot connect to ${formatUrl(url)}: ${text}`);
}
