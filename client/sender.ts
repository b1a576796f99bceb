/**
 * The sender: sends what is in an outbox, as fast as the server takes it.
 *
 * A server may refuse what comes too fast (`rate_limited`), and says when it could be accepted. Then
 * it is sent again, and so is all that was under way behind it, in its order. From then on messages
 * go out at the pace that the server has shown to take, until it has refused nothing for a while.
 *
 * @module
 */

import type { ClientMessage, Failure } from "../protocol.ts";
import type { Entry, Outbox } from "./outbox.ts";

/**
 * The most that is under way, counted in what a server can refuse of it: fewer than it refuses before
 * it lets go of a client.
 */
export const WINDOW = 50;

/**
 * The most that is under way, in characters: on a slow line, what is sent again must not stand behind
 * so much that the server has stopped waiting for it.
 */
export const WINDOW_SIZE = 32_768;

/** How long to wait if the server does not say, and at most, in milliseconds. */
const [DEFAULT_WAIT, MAX_WAIT] = [1_000, 30_000];

/** How much more time than it seems to need is left between two messages: they do not arrive evenly. */
const SLACK = 1.1;

/** A timer may come late by so much, and what was due meanwhile is sent at once, in milliseconds. */
const MAX_LATENESS = 1_000;

/** After so long without a refusal the pace is forgotten, in milliseconds. */
export const FORGET_TIME = 60_000;

/** Settings of a {@linkcode Sender}. */
export interface SenderOptions {
  readonly outbox: Outbox;
  /** Sends messages in one frame. Returns whether they went out. */
  readonly transmit: (...messages: ClientMessage[]) => boolean;
  /** Calls back after so many milliseconds, unless the returned function is called before. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Returns milliseconds since some moment in the past. */
  readonly elapsed: () => number;
}

/** What a server takes: a message each `interval` milliseconds. */
interface Pace {
  readonly interval: number;
  /** From when on the next one can go out. */
  readonly next: number;
  /** When something was refused last. */
  readonly refusedAt: number;
  /** How long what was refused first had to wait, in milliseconds. */
  readonly wait: number;
  /** What was under way behind that, and how much of it was refused, too. */
  readonly behind: Set<Entry>;
  readonly refused: number;
}

/** Sends what one client has to say, on one connection after the other. */
export class Sender {
  readonly #options: SenderOptions;
  #isOpen = false;
  /** Undefined while the server takes all that comes. */
  #pace: Pace | undefined;
  #cancelWait: (() => void) | undefined;
  /** Whether a check's ping was refused. */
  #mustCheckAgain = false;

  /** Creates one that sends nothing yet. */
  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Begins to send: a connection is ready for it. */
  open(): void {
    this.#isOpen = true;
    this.#pace = undefined;
    this.#mustCheckAgain = false;
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
    const { outbox, elapsed } = this.#options;
    const now = elapsed();
    if (this.#pace && now - this.#pace.refusedAt >= FORGET_TIME) this.#pace = undefined;
    if (this.#mustCheckAgain && (this.#pace?.next ?? now) <= now) this.#checkAgain();
    while (this.#isOpen && outbox.risk < WINDOW && outbox.sizeUnderWay < WINDOW_SIZE) {
      const entry = outbox.next();
      if (!entry) return;
      const { next = now, interval = 0 } = this.#pace ?? {};
      if (next > now) return this.#waitFor(next - now);
      if (!this.#send(entry)) return;
      const due = Math.max(next, now - MAX_LATENESS) + interval;
      if (this.#pace) this.#pace = { ...this.#pace, next: due };
    }
  }

  /** Has a check made of what is under way, because what answers it may be missed. */
  check(): void {
    const key = this.#options.outbox.addCheck();
    if (key !== undefined) this.#options.transmit({ messageType: "ping", data: key });
  }

  /** Takes note that something was too fast. Returns whether it is sent again. */
  slowDown({ ref, retryAfter = DEFAULT_WAIT }: Failure): boolean {
    const { outbox } = this.#options;
    const entry = outbox.takeBack(ref);
    if (ref !== undefined && !entry) return false;
    this.#mustCheckAgain ||= !entry;
    const wait = Math.min(retryAfter, MAX_WAIT);
    this.#slowBy(wait, entry);
    if (!entry) this.#waitFor(wait);
    return true;
  }

  /** Sends no more than one message in so many milliseconds, for a while. */
  slowTo(interval: number): void {
    this.#begin(interval, interval);
  }

  #checkAgain(): void {
    this.#mustCheckAgain = false;
    const { outbox, transmit } = this.#options;
    for (const data of outbox.checks()) transmit({ messageType: "ping", data });
  }

  /** Goes on after `wait` milliseconds, at that pace. */
  #begin(wait: number, interval: number): void {
    const { outbox, elapsed } = this.#options;
    const refusedAt = elapsed();
    const behind = outbox.copyUnderWay();
    this.#pace = { interval, next: refusedAt + wait, refusedAt, wait, behind, refused: 0 };
  }

  #slowBy(wait: number, entry: Entry | undefined): void {
    const pace = this.#pace;
    if (!pace || (entry && !pace.behind.delete(entry))) {
      const interval = Math.min((pace?.interval ?? 0) + wait * SLACK, MAX_WAIT);
      return this.#begin(wait, interval);
    }
    // Each of those behind has to wait for one more.
    const refused = pace.refused + 1;
    const interval = Math.max(pace.interval, (wait - pace.wait) / refused * SLACK);
    this.#pace = { ...pace, interval, refused, refusedAt: this.#options.elapsed() };
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

  #waitFor(ms: number): void {
    this.#cancelWait?.();
    this.#cancelWait = this.#options.after(ms, () => {
      this.#cancelWait = undefined;
      this.go();
    });
  }
}
