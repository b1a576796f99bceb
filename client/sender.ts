/**
 * The sender: sends what is in an outbox, in its order, and never more at a time than a server lets
 * wait: such a server refuses nothing, however fast it is.
 *
 * @module
 */

import type { ClientMessage, Failure } from "../protocol.ts";
import type { Entry, Outbox } from "./outbox.ts";

/** The most requests that are under way: of so many a server refuses none. */
export const WINDOW = 50;

/** The most that is under way, in characters. */
export const WINDOW_SIZE = 32_768;

/** How long to wait after a refusal if the server does not say, and at most, in milliseconds. */
const [DEFAULT_WAIT, MAX_WAIT] = [1_000, 30_000];

/**
 * How often a client that may only read tries to speak at most, in milliseconds: it is not to be let
 * go for it.
 */
const SILENT_INTERVAL = 1_000;

/** Settings of a {@linkcode Sender}. */
export interface SenderOptions {
  readonly outbox: Outbox;
  /** Sends a message. Returns whether it went out. */
  readonly transmit: (message: ClientMessage) => boolean;
  /** Calls back after so many milliseconds, unless the returned function is called before. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

/** Sends what one client has to say, on one connection after the other. */
export class Sender {
  readonly #options: SenderOptions;
  #isOpen = false;
  #window = WINDOW;
  /** Ends a pause, while there is one. */
  #cancelPause: (() => void) | undefined;

  /** Creates one that sends nothing yet. */
  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Begins to send: a connection is ready for it. */
  open(): void {
    this.#isOpen = true;
    this.go();
  }

  /** Ends with a connection: what was under way on it is to be sent again. */
  close(): void {
    this.#isOpen = false;
    this.#endPause();
    this.#options.outbox.recall();
  }

  /** Sends what may be sent now. */
  go(): void {
    const { outbox } = this.#options;
    while (this.#isOpen && !this.#cancelPause && outbox.sizeUnderWay < WINDOW_SIZE) {
      const entry = outbox.underWay < this.#window ? outbox.next() : undefined;
      if (!entry || !this.#send(entry)) return;
    }
  }

  /**
   * Sends the last message under way again, because what answers it may be missed. The server says
   * nothing twice: it answers this one with an `ack`, in order, which tells of all before it, too.
   */
  check(): void {
    const last = this.#options.outbox.beginCheck();
    if (last) this.#send(last);
  }

  /** Takes note that something did not fit into the server's queue. Returns whether it is sent again. */
  retry({ ref, retryAfter = DEFAULT_WAIT }: Failure): boolean {
    if (!this.#options.outbox.takeBack(ref)) return false;
    this.#pause(Math.min(retryAfter, MAX_WAIT));
    return true;
  }

  /** Tries no more than one message at a time, and soon, because nothing is accepted now. */
  hush(): void {
    this.#window = 1;
    this.#pause(SILENT_INTERVAL);
  }

  /** Takes note that something was accepted. */
  goOn(): void {
    this.#window = WINDOW;
  }

  #send(entry: Entry): boolean {
    const { outbox, transmit } = this.#options;
    const went = transmit(entry.message);
    if (went) outbox.launch(entry);
    return went;
  }

  #pause(ms: number): void {
    this.#endPause();
    this.#cancelPause = this.#options.after(ms, () => {
      this.#cancelPause = undefined;
      this.go();
    });
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }
}
