/**
 * A gate before a connection. While it is shut, what is sent waits in its order behind it: a dialect
 * that has to send something else first, and may not do so yet, shuts it meanwhile.
 *
 * **Bound.** A gate behind which more than {@linkcode HIGH_WATER} UTF-16 units wait is congested, as a
 * connection is whose client does not read: nobody sends more.
 *
 * @module
 */

import { CloseCode } from "../protocol.ts";
import { type Connection, HIGH_WATER } from "./connection.ts";

/** A connection that can be shut. */
export class Gate implements Connection {
  readonly #connection: Connection;
  /** Sends what has to go before all that waits. */
  readonly #prepare: () => void;
  #isShut = false;
  #waiting: string[] = [];
  /** In UTF-16 units. */
  #size = 0;
  #opening: PromiseWithResolvers<void> | undefined;

  /**
   * Creates an open gate. When it opens again it calls `prepare`, to {@linkcode pass} what has to go
   * first.
   */
  constructor(connection: Connection, prepare: () => void) {
    this.#connection = connection;
    this.#prepare = prepare;
  }

  get address(): string {
    return this.#connection.address;
  }

  /** Whether what is sent waits. */
  get isShut(): boolean {
    return this.#isShut;
  }

  get congested(): boolean {
    return this.#isFull || this.#connection.congested;
  }

  /** Whether the client does not read what was sent. */
  get isBlocked(): boolean {
    return this.#connection.congested;
  }

  send(frame: string): void {
    if (!this.#isShut) return this.#connection.send(frame);
    this.#waiting.push(frame);
    this.#size += frame.length;
  }

  /** Sends a frame past what waits. */
  pass(frame: string): void {
    this.#connection.send(frame);
  }

  /** Has all that is sent from now on wait. */
  shut(): void {
    this.#isShut = true;
  }

  /** Sends what waits. */
  open(): void {
    if (!this.#isShut) return;
    this.#prepare();
    this.#isShut = false;
    for (const frame of this.#waiting.splice(0)) this.#connection.send(frame);
    this.#size = 0;
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  async drained(): Promise<void> {
    if (this.#isFull) await (this.#opening ??= Promise.withResolvers()).promise;
    await this.#connection.drained();
  }

  /** Sends what waits if the client reads, and closes the connection. */
  close(code: number, reason: string): void {
    // After a fault of ours nothing more is tried.
    if (code !== CloseCode.internalError && !this.isBlocked) this.open();
    this.#connection.close(code, reason);
  }

  /** Forgets what waits: the connection has ended. */
  abandon(): void {
    this.#isShut = false;
    this.#waiting = [];
    this.#size = 0;
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  get #isFull(): boolean {
    return this.#size > HIGH_WATER;
  }
}
