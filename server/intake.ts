/**
 * The intake: takes in what clients send at the pace at which it can go out.
 *
 * The runtime hands over at once all that has arrived. When thirty people paste a page each, that
 * is more in one turn of the event loop than a room's ring holds, and even who reads as fast as can
 * be would miss most of it. So a turn takes in about one batch; what is more waits for the turns
 * after it. The connections take turns too, a line each: who floods the server delays themselves.
 *
 * **Bound.** At most {@linkcode MAX_WAITING} waits, on the whole server. Whoever would bring more has
 * their oldest lines taken at once: nothing is dropped, and nobody is told to wait.
 *
 * @module
 */

import type { Receiver } from "./connection.ts";

/** What a turn takes in, weighed as below: about half of what a batch may hold. */
export const TURN_WEIGHT = 16_384;

/** What may wait, weighed as below: 16 MiB. */
export const MAX_WAITING = 16_777_216;

/**
 * How much may wait of one connection, weighed as below, before a transport that can stop reading
 * does so: who floods the server by TCP fills their own machine's memory.
 */
export const MAX_AHEAD = 65_536;

/**
 * What a line weighs besides its length in UTF-16 units: on its way out it gets an id, a time and
 * an address.
 */
export const LINE_WEIGHT = 100;

/** A line that a client sent, or something to do that has its place among them. */
type Item = string | (() => void);

/** Settings of an {@linkcode Intake}. */
export interface IntakeOptions {
  /** Calls `begin` once, later: in the next turn of the event loop. Default `setImmediate`. */
  readonly schedule?: (begin: () => void) => void;
}

/** The pace of one server. */
export class Intake {
  readonly #schedule: (begin: () => void) => void;
  /** What this turn still takes in. */
  #left = TURN_WEIGHT;
  #isTurnScheduled = false;
  /** Those with something that waits, who is next first. */
  readonly #waiting = new Set<Inlet>();
  #waitingWeight = 0;

  /** Creates an intake in which nothing waits. */
  constructor({ schedule = setImmediate }: IntakeOptions = {}) {
    this.#schedule = schedule;
  }

  /**
   * Returns a receiver that passes on to `receiver` all that it is told, in that order and at this
   * pace. `split` takes a frame apart into the lines that are paced.
   */
  pace(receiver: Receiver, split: (frame: string) => readonly string[] = whole): Receiver {
    return new Inlet(this, receiver, split);
  }

  /** Passes an item on now, or when its turn has come. */
  take(inlet: Inlet, item: Item): void {
    if (this.#left > 0 && inlet.waiting.isEmpty) return this.#pass(inlet, item);
    inlet.push(item);
    this.#waiting.add(inlet);
    this.#waitingWeight += weigh(item);
    while (this.#waitingWeight > MAX_WAITING && !inlet.waiting.isEmpty) this.#passNext(inlet);
  }

  /** Passes on all that waits. */
  flush(): void {
    for (const inlet of this.#waiting) this.#passNext(inlet);
  }

  #pass(inlet: Inlet, item: Item): void {
    this.#left -= weigh(item);
    try {
      inlet.passOn(item);
    } finally {
      this.#scheduleTurn();
    }
  }

  /** After a message was passed on: so its room tells it before the next turn brings more. */
  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    this.#schedule(() => this.#beginTurn());
  }

  #beginTurn(): void {
    this.#isTurnScheduled = false;
    this.#left = TURN_WEIGHT;
    // Who has more that waits is put at the end, and so comes again in this same loop.
    for (const inlet of this.#waiting) {
      if (this.#left <= 0) return;
      this.#passNext(inlet);
    }
  }

  #passNext(inlet: Inlet): void {
    const item = inlet.shift();
    this.#waiting.delete(inlet);
    if (item === undefined) return;
    if (!inlet.waiting.isEmpty) this.#waiting.add(inlet);
    this.#waitingWeight -= weigh(item);
    this.#pass(inlet, item);
  }
}

function weigh(item: Item): number {
  return LINE_WEIGHT + (typeof item === "string" ? item.length : 0);
}

interface Link<T> {
  readonly item: T;
  next: Link<T> | undefined;
}

/** First in, first out, in constant time; what was taken out is let go at once. */
class Fifo<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  push(item: T): void {
    const link: Link<T> = { item, next: undefined };
    if (this.#last) this.#last.next = link;
    else this.#first = link;
    this.#last = link;
  }

  shift(): T | undefined {
    const item = this.#first?.item;
    this.#first = this.#first?.next;
    if (!this.#first) this.#last = undefined;
    return item;
  }
}

class Inlet implements Receiver {
  readonly waiting = new Fifo<Item>();
  readonly #intake: Intake;
  readonly #receiver: Receiver;
  readonly #split: (frame: string) => readonly string[];
  #weight = 0;
  #readiness: PromiseWithResolvers<void> | undefined;

  constructor(intake: Intake, receiver: Receiver, split: (frame: string) => readonly string[]) {
    this.#intake = intake;
    this.#receiver = receiver;
    this.#split = split;
  }

  ready(): Promise<void> | undefined {
    if (this.#weight <= MAX_AHEAD) return undefined;
    this.#readiness ??= Promise.withResolvers();
    return this.#readiness.promise;
  }

  /** Has an item wait. */
  push(item: Item): void {
    this.waiting.push(item);
    this.#weight += weigh(item);
  }

  /** Takes out the item that has waited longest. */
  shift(): Item | undefined {
    const item = this.waiting.shift();
    if (item !== undefined) this.#weight -= weigh(item);
    if (this.#weight > MAX_AHEAD) return item;
    this.#readiness?.resolve();
    this.#readiness = undefined;
    return item;
  }

  receive(frame: string): void {
    for (const line of this.#split(frame)) this.#intake.take(this, line);
  }

  refuse(reason: string): void {
    this.#intake.take(this, () => this.#receiver.refuse(reason));
  }

  async finish(): Promise<void> {
    await new Promise<void>((resolve) => this.#intake.take(this, resolve));
    await this.#receiver.finish();
  }

  end(code?: number): void {
    this.#intake.take(this, () => this.#receiver.end(code));
  }

  fail(error: unknown): void {
    this.#receiver.fail(error);
  }

  /** Passes something on. A fault of ours must cost this connection, not whose turn comes next. */
  passOn(item: Item): void {
    try {
      if (typeof item === "string") this.#receiver.receive(item);
      else item();
    } catch (error) {
      this.fail(error);
    }
  }
}

function whole(frame: string): readonly string[] {
  return [frame];
}
