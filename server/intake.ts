/**
 * The intake: takes in what clients send at the pace at which it can go out.
 *
 * The runtime hands over at once all that has arrived. When thirty people paste a page each, that
 * is more in one turn of the event loop than a room's ring holds, and even who reads as fast as can
 * be would miss most of it. So a turn takes in about one batch; what is more waits for the turns
 * after it. The connections take turns too, a line each: who floods the server delays themselves.
 *
 * What a client sends waits as well while its session is not ready for more: because it sends too
 * fast, or does not read the answers. It is passed on later, in its order. A ping overtakes it.
 *
 * **Bound.** Of one connection whose session is not ready at most {@linkcode MAX_REQUESTS} lines and
 * {@linkcode MAX_OWN} wait; what is more is refused. Of all connections together at most
 * {@linkcode MAX_WAITING} wait: beyond that, a line of a connection whose session is ready is taken at
 * once, and of one whose session is not it is refused, unless less than {@linkcode FAIR_SHARE} of it
 * waits.
 *
 * @module
 */

import type { LineReceiver, Receiver } from "./connection.ts";

/** What a turn takes in, weighed as below: about half of what a batch may hold. */
export const TURN_WEIGHT = 16_384;

/** What may wait of all connections, weighed as below. */
export const MAX_WAITING = 67_108_864;

/**
 * How many lines may wait of one connection whose session is not ready: more than a client has under
 * way that keeps no more than 50 requests unanswered.
 */
export const MAX_REQUESTS = 128;

/** How much of it, weighed as below: 50 requests with the longest texts fit. */
export const MAX_OWN = 262_144;

/**
 * What each connection may have waiting, weighed as below, however much waits of others: the window of
 * our own clients fits.
 */
export const FAIR_SHARE = 40_960;

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
  pace(receiver: LineReceiver, split: (frame: string) => readonly string[] = whole): Receiver {
    return new Inlet(this, receiver, split);
  }

  /** Passes an item on now, or when its turn has come. */
  take(inlet: Inlet, item: Item): void {
    if (this.#left > 0 && inlet.isFree) return this.#pass(inlet, item);
    inlet.push(item);
    this.#waitingWeight += weigh(item);
    if (!inlet.isHeld) this.#waiting.add(inlet);
    while (this.#waitingWeight > MAX_WAITING && this.#waiting.has(inlet)) this.#passNext(inlet);
  }

  /** Refuses what a connection, whose session is not ready now, has waiting beyond its bounds. */
  trim(inlet: Inlet): void {
    if (inlet.size <= MAX_REQUESTS && inlet.weight <= MAX_OWN) return;
    const items: Item[] = [];
    for (let item; (item = inlet.shift()) !== undefined;) items.push(item);
    for (const item of items) this.#waitingWeight -= weigh(item);
    for (const item of items) {
      if (typeof item === "string" && !this.hasRoomFor(inlet, item)) inlet.overflow(item);
      else this.take(inlet, item);
    }
  }

  /** Tells whether another line may wait of a connection whose session is not ready. */
  hasRoomFor(inlet: Inlet, line: string): boolean {
    const own = inlet.weight + weigh(line);
    if (inlet.size >= MAX_REQUESTS || own > MAX_OWN) return false;
    return own <= FAIR_SHARE || this.#waitingWeight + weigh(line) <= MAX_WAITING;
  }

  /** Has a connection take turns again, because its session is ready. */
  resume(inlet: Inlet): void {
    if (inlet.size === 0) return;
    this.#waiting.add(inlet);
    while (this.#left > 0 && this.#waiting.has(inlet)) this.#passNext(inlet);
    this.#scheduleTurn();
  }

  /** Passes on all that waits for its turn. */
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
    this.#waiting.delete(inlet);
    const item = inlet.shift();
    if (item === undefined) return;
    this.#waitingWeight -= weigh(item);
    this.#pass(inlet, item);
    if (inlet.size > 0 && !inlet.isHeld) this.#waiting.add(inlet);
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
  size = 0;
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;

  push(item: T): void {
    const link: Link<T> = { item, next: undefined };
    if (this.#last) this.#last.next = link;
    else this.#first = link;
    this.#last = link;
    this.size++;
  }

  shift(): T | undefined {
    if (!this.#first) return undefined;
    const { item, next } = this.#first;
    this.#first = next;
    if (!next) this.#last = undefined;
    this.size--;
    return item;
  }
}

class Inlet implements Receiver {
  /** What waits, in UTF-16 units and as weighed above. */
  weight = 0;
  /** Whether nothing is passed on, because the receiver is not ready. */
  isHeld = false;
  readonly #intake: Intake;
  readonly #receiver: LineReceiver;
  readonly #split: (frame: string) => readonly string[];
  readonly #waiting = new Fifo<Item>();
  #readiness: PromiseWithResolvers<void> | undefined;

  constructor(intake: Intake, receiver: LineReceiver, split: (frame: string) => readonly string[]) {
    this.#intake = intake;
    this.#receiver = receiver;
    this.#split = split;
    this.#hold();
  }

  /** How many items wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether nothing waits before what comes now. */
  get isFree(): boolean {
    return this.#waiting.size === 0 && !this.isHeld;
  }

  /** Whether so much waits that a transport that can stop reading does so: none of it is refused. */
  get #isAhead(): boolean {
    return this.weight > MAX_AHEAD || this.size >= MAX_REQUESTS;
  }

  ready(): Promise<void> | undefined {
    if (!this.isHeld && !this.#isAhead) return undefined;
    this.#readiness ??= Promise.withResolvers();
    return this.#readiness.promise;
  }

  /** Has an item wait. */
  push(item: Item): void {
    this.#waiting.push(item);
    this.weight += weigh(item);
  }

  /** Takes out the item that has waited longest. */
  shift(): Item | undefined {
    const item = this.#waiting.shift();
    if (item !== undefined) this.weight -= weigh(item);
    return item;
  }

  receive(frame: string): void {
    for (const line of this.#split(frame)) {
      if (this.isHeld && this.#receiver.overtake(line)) continue;
      if (this.isHeld && !this.#intake.hasRoomFor(this, line)) this.#receiver.overflow(line);
      else this.#intake.take(this, line);
    }
  }

  refuse(reason: string): void {
    // So many refusals end the connection that they need no bound of their own, but no place either.
    if (this.isHeld) this.#receiver.refuse(reason);
    else this.#intake.take(this, () => this.#receiver.refuse(reason));
  }

  async finish(): Promise<void> {
    await new Promise<void>((resolve) => this.#intake.take(this, resolve));
    await this.#receiver.finish();
  }

  end(code?: number, isBroken?: boolean): void {
    this.#receiver.gone();
    this.#intake.take(this, () => this.#receiver.end(code, isBroken));
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
    this.#hold();
    if (!this.isHeld) this.#release();
  }

  /** Refuses a line because too much waits before it. */
  overflow(line: string): void {
    this.#receiver.overflow(line);
  }

  /** Passes nothing more on while the receiver is not ready. */
  #hold(): void {
    const ready = this.#receiver.ready();
    this.isHeld = ready !== undefined;
    if (this.isHeld) this.#intake.trim(this);
    ready?.then(() => {
      this.#hold();
      if (this.isHeld) return;
      this.#release();
      this.#intake.resume(this);
    });
  }

  #release(): void {
    if (this.#isAhead) return;
    this.#readiness?.resolve();
    this.#readiness = undefined;
  }
}

function whole(frame: string): readonly string[] {
  return [frame];
}
