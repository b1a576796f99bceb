/**
 * The WebSocket transport (RFC 6455): a {@linkcode Connection} made of a socket from
 * `Deno.upgradeWebSocket`.
 *
 * @module
 */

import { CloseCode, isLongerThan, MAX_FRAME_BYTES, ProtocolError } from "../protocol.ts";
import { type Connection, HIGH_WATER, type Open, type Receiver, sizeOf } from "./connection.ts";
import { type Log, quoteError } from "./log.ts";
import type { Counters } from "./metrics.ts";

/**
 * The runtime has no event for a socket's draining, so a congested one is looked at: in the next
 * turn of the event loop, in which most have drained, then after 1 ms, after 2 ms, and so on up to
 * this many.
 */
const MAX_DRAIN_INTERVAL = 64;

/**
 * How long a peer must be quiet before its socket is closed, in milliseconds, and how often that is
 * waited for: one second in all. When a peer still talks the runtime drops its socket, with the Close
 * frame and all else that was on its way to it.
 */
const [QUIET_TIME, MAX_LOOKS] = [25, 40];

/** A control frame holds 125 bytes, of which a Close needs 2 for its code (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123;

const encoder = new TextEncoder();

/** What {@linkcode upgrade} needs besides the request. */
export interface UpgradeOptions {
  /** The client's `IP:PORT`. */
  readonly address: string;
  /** The subprotocol to agree on: one that the client offered. */
  readonly protocol?: string | undefined;
  readonly open: Open;
  readonly log: Log;
  readonly counters: Counters;
  /** Is told when the socket is gone, which can be long after its connection was closed. */
  readonly gone: () => void;
}

/**
 * Makes a WebSocket of a request. Once it has returned, its response must be returned to the
 * client, and nothing may be read from the request.
 *
 * @throws {ProtocolError} If the request is no valid handshake.
 */
export function upgrade(request: Request, options: UpgradeOptions): Response {
  const { protocol } = options;
  const { socket, response } = shakeHands(request);
  // The runtime would look for the protocol itself, but takes only ", " for a separator.
  if (protocol !== undefined) response.headers.set("sec-websocket-protocol", protocol);
  const connect = (): void => void new WebSocketConnection(socket, options);
  socket.addEventListener("open", connect, { once: true });
  // Also of a socket that was never open. It may come twice.
  socket.addEventListener("close", options.gone);
  return response;
}

function shakeHands(request: Request): Deno.WebSocketUpgrade {
  try {
    return Deno.upgradeWebSocket(request);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ProtocolError("bad_message", `That is no WebSocket handshake: ${error.message}`);
  }
}

/** Returns as much of a reason as a Close frame can hold. */
function shorten(reason: string): string {
  const bytes = encoder.encode(reason);
  if (bytes.length <= MAX_REASON_BYTES) return reason;
  // A character that was cut in two is left out.
  return new TextDecoder().decode(bytes.subarray(0, MAX_REASON_BYTES)).replace(/\uFFFD+$/, "");
}

function isTooBig(data: unknown): boolean {
  if (typeof data === "string") return isLongerThan(data, MAX_FRAME_BYTES);
  return data instanceof ArrayBuffer && data.byteLength > MAX_FRAME_BYTES;
}

class WebSocketConnection implements Connection, EventListenerObject {
  readonly address: string;
  readonly #socket: WebSocket;
  readonly #log: Log;
  readonly #counters: Counters;
  #receiver: Receiver | undefined;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #draining: PromiseWithResolvers<void> | undefined;
  /** No less than what is unsent, in bytes: to ask the runtime for each frame costs too much. */
  #unsentAtMost = 0;
  /** How many frames came. */
  #heard = 0;
  #isClosing = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket, { address, open, log, counters }: UpgradeOptions) {
    this.address = address;
    this.#socket = socket;
    this.#log = log;
    this.#counters = counters;
    // One listener for all, without functions of its own: most connections are idle, and add up.
    for (const type of ["message", "close", "error"]) socket.addEventListener(type, this);
    this.#attempt(() => this.#receiver = open(this));
  }

  handleEvent(event: Event): void {
    if (event instanceof MessageEvent) this.#attempt(() => this.#take(event.data));
    else if (event instanceof CloseEvent) this.#attempt(() => this.#closed(event));
    // What follows an error is a close event, and that says all that matters.
    else event.preventDefault();
  }

  get congested(): boolean {
    if (this.#unsentAtMost <= HIGH_WATER) return false;
    this.#unsentAtMost = this.#socket.bufferedAmount;
    const isCongested = this.#unsentAtMost > HIGH_WATER;
    // Whoever finds it drained ends the wait: it may be filled again before the next look.
    if (!isCongested) this.#goOn();
    return isCongested;
  }

  send(frame: string): void {
    if (this.#isClosing || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(frame);
    this.#counters.sent += sizeOf(frame);
    // A UTF-16 unit takes at most 3 bytes of UTF-8.
    this.#unsentAtMost += 3 * frame.length;
  }

  drained(): Promise<void> {
    if (!this.#draining) {
      this.#draining = Promise.withResolvers();
      setImmediate(() => this.#look(1));
    }
    return this.#draining.promise;
  }

  close(code: number, reason: string): void {
    this.#goOn();
    // Who floods the server is not heard out.
    const looks = code === CloseCode.abuse || code === CloseCode.tooBig ? 0 : MAX_LOOKS;
    const isOpen = this.#socket.readyState === WebSocket.OPEN;
    if (!this.#isClosing && isOpen) this.#closeWhenQuiet(code, shorten(reason), looks);
    this.#isClosing = true;
    // A peer may never answer the Close frame: on our side the connection is gone now.
    this.#receiver?.end(code);
  }

  #closeWhenQuiet(code: number, reason: string, looks: number): void {
    if (looks === 0) return this.#closeNow(code, reason);
    const heard = this.#heard;
    this.#closeTimer = setTimeout(() => {
      if (this.#heard === heard) this.#closeNow(code, reason);
      else this.#closeWhenQuiet(code, reason, looks - 1);
    }, QUIET_TIME);
  }

  #closeNow(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code, reason);
  }

  /** Ends the wait for draining if it can, or looks again after `interval` milliseconds. */
  #look(interval: number): void {
    if (!this.congested) this.#goOn();
    if (!this.#draining) return;
    const next = Math.min(2 * interval, MAX_DRAIN_INTERVAL);
    this.#drainTimer = setTimeout(() => this.#look(next), interval);
  }

  #goOn(): void {
    clearTimeout(this.#drainTimer);
    this.#draining?.resolve();
    this.#draining = undefined;
  }

  #take(data: unknown): void {
    this.#heard++;
    if (this.#isClosing) return;
    if (isTooBig(data)) {
      this.#counters.refuse("too_long");
      this.close(CloseCode.tooBig, `A frame is over ${MAX_FRAME_BYTES} bytes`);
    } else if (typeof data !== "string") {
      this.#receiver?.refuse("Send frames of text, not of bytes.");
    } else {
      this.#counters.received += sizeOf(data);
      this.#receiver?.receive(data);
    }
  }

  #closed({ code, wasClean }: CloseEvent): void {
    this.#goOn();
    clearTimeout(this.#closeTimer);
    // The runtime says 0 where RFC 6455 (section 7.1.5) says 1006: ended without a Close frame.
    this.#receiver?.end(code === 0 ? 1006 : code, !wasClean);
  }

  /** Runs one event's work. A fault of ours must cost this connection, not the process. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#log("error", () => `Connection of ${this.address} failed: ${quoteError(error)}`);
      this.close(CloseCode.internalError, "Internal error");
    }
  }
}
