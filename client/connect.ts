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

/** Why there is no connection: for programs, and what is wrong and what to do. */
export type Reason = readonly [kind: ConnectFailure, text: string];

/** Finds out why there is no connection to `url`, after the runtime has said `failure`. */
export type Explain = (url: URL, failure: string) => Promise<Reason>;

const NO_ANSWER: Reason = ["unreachable", "no answer. Check the address."];

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

/**
 * Connects to a chat server.
 *
 * @throws {ConnectError} If there is none at `url`.
 */
export async function connect(
  url: URL,
  { explain = () => Promise.resolve(NO_ANSWER), timeout = CONNECT_TIMEOUT }: ConnectOptions = {},
): Promise<WebSocket> {
  const socket = new WebSocket(url, CHAT_V1);
  const { promise, resolve, reject } = Promise.withResolvers<Reason | undefined>();
  socket.onopen = () => resolve(socket.protocol === CHAT_V1 ? undefined : OTHER_PROTOCOL);
  socket.onerror = (event) => {
    const failure = event instanceof ErrorEvent ? event.message : "";
    explain(url, failure).then(resolve, reject);
  };
  const timer = setTimeout(() => resolve(NO_ANSWER), timeout);
  const reason = await promise;
  clearTimeout(timer);
  socket.onopen = null;
  socket.onerror = null;
  if (reason === undefined) return socket;
  socket.close();
  const [kind, text] = reason;
  throw new ConnectError(kind, `Cannot connect to ${formatUrl(url)}: ${text}`);
}
