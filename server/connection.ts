/**
 * Where transport and session meet. A transport (WebSocket, TCP) brings a {@linkcode Connection}
 * and calls a {@linkcode Receiver}; a session is such a receiver and speaks through such a
 * connection. Neither knows more of the other.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/**
 * Bytes that may wait unsent for one client before it counts as slow: 64 KiB. One batch may exceed
 * it; then nothing more is sent until it has drained, and the client's place in the queue waits. How
 * it relates to `--capacity`, and what bound on memory follows: README.md, "How much memory it
 * takes".
 */
export const HIGH_WATER = 65_536;

/** A way to one client, whatever it is made of. */
export interface Connection {
  /** The client's `IP:PORT`. */
  readonly address: string;
  /**
   * Sends a frame (on TCP: a line). Never waits and never throws; after the end it does nothing.
   */
  send(frame: string): void;
  /** Whether more than {@linkcode HIGH_WATER} bytes (on TCP: UTF-16 units) wait unsent. */
  readonly congested: boolean;
  /** Resolves once the connection is not congested, or has ended. */
  drained(): Promise<void>;
  /**
   * Ends the connection, with a WebSocket close code and a reason, of which as much is sent as
   * fits. The receiver is told its `end` behind what had come before.
   */
  close(code: number, reason: string): void;
}

/** Whoever is at our end of a connection. */
export interface Receiver {
  /** Takes a frame (on TCP: a line). */
  receive(frame: string): void;
  /**
   * Returns undefined if more can be taken, or resolves once it can. A transport that can stop reading
   * waits for it.
   */
  ready(): Promise<void> | undefined;
  /** Takes what cannot be a frame, with one sentence for the sender that says why. */
  refuse(reason: string): void;
  /**
   * Is told that the client will send nothing more, but may still read. Resolves once it has got
   * what it has coming, and the connection is closed.
   */
  finish(): Promise<void>;
  /**
   * Is told that the connection is gone. `code` is the WebSocket close code, if there was one;
   * `isBroken` tells that the client did not close it: it may have been dead for a while.
   */
  end(code?: number, isBroken?: boolean): void;
  /** Is told of a fault of ours. It costs this connection, and nobody else. */
  fail(error: unknown): void;
}

/** A receiver that takes a line at a time, and only while it is ready. */
export interface LineReceiver extends Receiver {
  /** Does at once what a line asks for, if that may come before what waits. Tells whether it may. */
  overtake(line: string): boolean;
  /** Refuses a line because too much waits already. */
  overflow(line: string): void;
  /** Is told at once that the client is gone, though some of its lines, and its end, may still wait. */
  gone(): void;
}

/** Answers a new connection. */
export type Open = (connection: Connection) => Receiver;

/** The frame that was measured last: what many are sent is measured once. */
let measured = "";
let measure = 0;

/** Returns how many bytes of UTF-8 a frame takes. */
export function sizeOf(frame: string): number {
  if (frame !== measured) {
    measured = frame;
    measure = Buffer.byteLength(frame);
  }
  return measure;
}
