/**
 * The sender: sends what is in an outbox, as fast as the server takes it.
 *
 * A server may refuse what comes too fast (`rate_limited`), and says when it could be accepted. Then
 * it is sent again, and all that comes behind it waits, so that it is said in its order. From then on
 * one message goes out after the other, at the pace that the server has shown to take.
 *
 * @module
 */

import type { ClientMessage, Failure } from "../protocol.ts";
import type { Entry, Outbox } from "./outbox.ts";

/**
 * The most that is under way: sent, and not answered. Fewer than a server refuses before it lets go
 * of a client.
 */
export const WINDOW = 50;

/** How long to wait if the server does not say, and at most, in milliseconds. */
const [DEFAULT_WAIT, MAX_WAIT] = [1_000, 30_000];

/** Settings of a {@linkcode Sender}. */
export interface SenderOptions {
  readonly outbox: Outbox;
  /** Sends messages in one frame. Returns whether they went out. */
  readonly transmit: (...messages: ClientMessage[]) => boolean;
  /** Calls back after so many milliseconds, unless the returned function is called before. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

/** Sends what one client has to say, on one connection after the other. */
export class Sender {
  readonly #options: SenderOptions;
  #isOpen = false;
  /** The time from one message to the next; undefined while the server takes all that comes. */
  #interval: number | undefined;
  /** What went out last, at that pace. */
  #last: Entry | undefined;
  #cancelWait: (() => void) | undefined;

  /** Creates one that sends nothing yet. */
  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Begins to send: a connection is ready for it. */
  open(): void {
    this.#isOpen = true;
    this.#interval = undefined;
    this.go();
  }

  /** Ends with a connection: what was under way on it is to be sent again. */
  close(): void {
    this.#isOpen = false;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    this.#options.outbox.recall();
  }

  /** Sends what may be sent now. */
  go(): void {
    const { outbox } = this.#options;
    const most = this.#interval === undefined ? WINDOW : 1;
    while (this.#isOpen && !this.#cancelWait && outbox.underWay < most) {
      const entry = outbox.next();
      if (!entry || !this.#send(entry)) return;
      this.#last = entry;
      if (this.#interval !== undefined) this.#wait(this.#interval);
    }
  }

  /** Has a check made of what is under way, because what answers it may be missed. */
  check(): void {
    const key = this.#options.outbox.addCheck();
    if (key !== undefined) this.#options.transmit({ messageType: "ping", data: key });
  }

  /** Takes note that something was too fast. Returns whether it is sent again. */
  slowDown({ ref, retryAfter = DEFAULT_WAIT }: Failure): boolean {
    const { outbox, transmit } = this.#options;
    const entry = outbox.takeBack(ref);
    if (ref !== undefined && !entry) return false;
    const wait = Math.min(retryAfter, MAX_WAIT);
    // What was sent before the pace was known tells nothing about it.
    if (this.#interval === undefined) this.#last = undefined;
    const isPaced = this.#last !== undefined && this.#last === entry;
    this.#interval = isPaced
      ? Math.min((this.#interval ?? 0) + wait, MAX_WAIT)
      : this.#interval ?? wait;
    this.#wait(wait);
    // A ping can be too fast, too.
    if (!entry) { for (const data of outbox.checks()) transmit({ messageType: "ping", data }); }
    return true;
  }

  #send(entry: Entry): boolean {
    const { outbox, transmit } = this.#options;
    const { key, message } = entry;
    const went = message.messageType === "message"
      ? transmit(message)
      : transmit(message, { messageType: "ping", data: key });
    if (went) outbox.launch(entry);
    return went;
  }

  #wait(ms: number): void {
    this.#cancelWait?.();
    this.#cancelWait = this.#options.after(ms, () => {
      this.#cancelWait = undefined;
      this.go();
    });
  }
}
