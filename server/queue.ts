/**
 * A bounded broadcast queue: one writer, any number of subscribers, and nobody waits for anybody.
 *
 * After tokio's `sync::broadcast`. The queue is a ring of the last `capacity` events. A subscriber
 * holds only the id of the next event that it wants and copies no event, and the same ring serves
 * live delivery, history (subscribe a few events back) and resume (subscribe after the last id that
 * was seen).
 *
 * **Bound.** The queue retains at most `capacity` events, whatever their size and however many
 * subscribers there are. Publishing to a full ring overwrites the oldest event.
 *
 * **Order.** Events get the ids `first`, `first + 1`, and so on without a hole, and every
 * subscriber sees them in that order.
 *
 * **Lagging.** A subscriber that wants an event which was overwritten is told in `missed` how many
 * events it lost, exactly, and goes on with the oldest event that is left; it stays subscribed. Lag
 * is per subscriber. For each one, `missed` plus the events it received is what was published.
 *
 * **Turns.** Waiting subscribers are woken once per turn of the event loop, not once per event:
 * what was published meanwhile reaches them as one batch, or as several in a row if it weighs more
 * than `batchWeight`. Subscribers at the same place get the same `Batch` object, so whatever is
 * derived from it, such as its encoding, can be made once.
 *
 * **Archive.** What the ring no longer has can be kept elsewhere. A subscription to it reads from
 * there all that was published before it was made; from then on the ring alone counts, so that a
 * slow reader is told what it missed rather than fall ever further behind.
 *
 * @module
 */

/** Consecutive events: `events[i]` has the id `first + i`. Never empty, never changed. */
export interface Batch<T> {
  readonly first: number;
  readonly events: readonly T[];
}

/** What a subscriber gets at a time: how many events it lost before the batch, and the batch. */
export interface Turn<T> {
  readonly missed: number;
  readonly batch: Batch<T>;
}

/** The most batches behind the newest that are kept for others who come to their place. */
const MAX_KEPT = 8;

/** Where events are kept that the ring no longer has: the same ones, under the same ids. */
export interface Archive<T> {
  /** Returns the id of the oldest event it has, or Infinity if it has none. */
  oldest(): number;
  /**
   * Returns events one after the other from the id `first` on, and none with the id `before` or
   * above. They may be fewer than there are, but none only if it has none.
   */
  read(first: number, before: number): readonly T[];
}

/** Settings of a {@linkcode BroadcastQueue}. */
export interface QueueOptions<T> {
  /** How many events are retained: a whole number, at least 1. */
  readonly capacity: number;
  /** Weighs an event, in the unit of `batchWeight`. Default: nothing weighs anything. */
  readonly weigh?: (event: T) => number;
  /** No batch of more than one event weighs more than this. Default: no bound. */
  readonly batchWeight?: number;
  /** The id of the first event. Default 1. */
  readonly first?: number;
  /** What was published before. Default: nothing, or it is kept nowhere. */
  readonly archive?: Archive<T> | undefined;
  /**
   * Calls `wake` once, later: at the end of this turn of the event loop. Default `setImmediate`.
   */
  readonly schedule?: (wake: () => void) => void;
}

/** A ring of the last `capacity` events that any number of subscribers read at their own pace. */
export class BroadcastQueue<T> {
  readonly #capacity: number;
  readonly #first: number;
  readonly #weigh: (event: T) => number;
  readonly #batchWeight: number;
  readonly #archive: Archive<T> | undefined;
  readonly #schedule: (wake: () => void) => void;
  readonly #ring: T[] = [];
  #next: number;
  /** What this queue's subscriptions may do with it. */
  readonly #source: Source<T> = {
    has: (id) => id < this.#next,
    read: (next, recalled) => this.#read(next, recalled),
    wait: (subscription) => this.#waiting.push(subscription),
    leave: () => this.#leave(),
  };
  #waiting: Subscription<T>[] = [];
  /** How many closed since they were last cleared out of those who wait, or more. */
  #closedCount = 0;
  #wakeScheduled = false;
  /** The batch that ends with the newest event, once it was read. Let go with the next event. */
  #last: Batch<T> | undefined;
  /** Batches before it that were read, by their first id, the first read first. */
  readonly #kept = new Map<number, Batch<T>>();

  /**
   * Creates an empty queue.
   *
   * @throws {RangeError} If `capacity` or `first` is no whole number of at least 1.
   */
  constructor(options: QueueOptions<T>) {
    const { capacity, first = 1, schedule = setImmediate } = options;
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new RangeError(
        `Cannot create a queue: capacity ${capacity} is not a whole number from 1`,
      );
    }
    if (!Number.isSafeInteger(first) || first < 1) {
      throw new RangeError(`Cannot create a queue: first id ${first} is not a whole number from 1`);
    }
    this.#capacity = capacity;
    this.#first = first;
    this.#weigh = options.weigh ?? (() => 0);
    this.#batchWeight = options.batchWeight ?? Infinity;
    this.#archive = options.archive;
    this.#next = first;
    this.#schedule = schedule;
  }

  /** The id of the newest event; one less than `first` while nothing was published. */
  get newest(): number {
    return this.#next - 1;
  }

  /** The id of the oldest event in the ring; `newest + 1` while nothing was published. */
  get oldest(): number {
    return Math.max(this.#first, this.#next - this.#capacity);
  }

  /** Returns the id of the oldest event that a new subscription can still read. */
  earliest(): number {
    return Math.min(this.oldest, this.#archive?.oldest() ?? Infinity);
  }

  /** Returns the event with that id, or undefined if it is not in the ring. O(1). */
  at(id: number): T | undefined {
    return id < this.oldest || id >= this.#next ? undefined : this.#ring[this.#slot(id)];
  }

  /**
   * Appends an event, overwriting the oldest of a full ring, and returns its id. O(1); never waits.
   */
  publish(event: T): number {
    const id = this.#next++;
    this.#ring[this.#slot(id)] = event;
    this.#last = undefined;
    if (!this.#wakeScheduled && this.#waiting.length > 0) {
      this.#wakeScheduled = true;
      this.#schedule(() => this.#wake());
    }
    return id;
  }

  /**
   * Subscribes to every event after the id `after`, without its being retained: what is gone is
   * reported as missed. An id that was not given out yet counts as the newest.
   */
  subscribe(after: number): Subscription<T> {
    const { newest } = this;
    return new Subscription(this.#source, { next: Math.min(after, newest) + 1, recalled: newest });
  }

  #slot(id: number): number {
    return (id - this.#first) % this.#capacity;
  }

  #wake(): void {
    this.#wakeScheduled = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#kept.clear();
    for (const subscription of waiting) subscription.wake();
  }

  /** Forgets those who closed, once they may be the greater part of those who wait. */
  #leave(): void {
    if (++this.#closedCount <= this.#waiting.length / 2) return;
    this.#waiting = this.#waiting.filter((subscription) => !subscription.isClosed);
    this.#closedCount = 0;
  }

  /**
   * Returns the batch that begins at `next`, or undefined if there is nothing yet. What was
   * published up to the id `recalled` is read from the archive, if the ring no longer has it.
   */
  #read(next: number, recalled: number): Batch<T> | undefined {
    if (next < this.oldest && next <= recalled) {
      const batch = this.#recall(next);
      if (batch) return batch;
    }
    const first = Math.max(next, this.oldest);
    if (first >= this.#next) return undefined;
    const known = this.#last?.first === first ? this.#last : this.#kept.get(first);
    if (known) return known;
    const batch = { first, events: this.#slice(first, (id) => this.at(id)) };
    if (first + batch.events.length === this.#next) this.#last = batch;
    else this.#keep(batch);
    return batch;
  }

  #recall(next: number): Batch<T> | undefined {
    if (!this.#archive) return undefined;
    const known = this.#kept.get(next);
    if (known) return known;
    const first = Math.max(next, this.#archive.oldest());
    const events = first < this.oldest ? this.#archive.read(first, this.oldest) : [];
    if (events.length === 0) return undefined;
    const batch = { first, events: this.#slice(first, (id) => events[id - first]) };
    this.#keep(batch);
    return batch;
  }

  #keep(batch: Batch<T>): void {
    this.#kept.set(batch.first, batch);
    if (this.#kept.size <= MAX_KEPT) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Returns the events from the id `first` on, as many as a batch may hold. */
  #slice(first: number, at: (id: number) => T | undefined): T[] {
    const events: T[] = [];
    let weight = 0;
    for (let event = at(first); event !== undefined; event = at(first + events.length)) {
      weight += this.#weigh(event);
      if (weight > this.#batchWeight && events.length > 0) break;
      events.push(event);
    }
    return events;
  }
}

/** What a subscription needs of its queue. */
interface Source<T> {
  readonly has: (id: number) => boolean;
  readonly read: (next: number, recalled: number) => Batch<T> | undefined;
  readonly wait: (subscription: Subscription<T>) => void;
  readonly leave: () => void;
}

/**
 * One reader's place in a queue. Read it as an async iterable that yields all that comes, a
 * {@linkcode Turn} at a time; or wait with `whenReady()` and read with `take()`, if something has
 * to be done in one go with the reading. For one reader, which asks again when it is done.
 */
export class Subscription<T> implements AsyncIterableIterator<Turn<T>, undefined> {
  readonly #source: Source<T>;
  #next: number;
  readonly #recalled: number;
  #closed = false;
  #resume: (() => void) | undefined;

  /**
   * Creates a subscription that wants the event `next` first, and up to the id `recalled` wants
   * them from the archive too; see `BroadcastQueue.subscribe`.
   */
  constructor(source: Source<T>, { next, recalled }: { next: number; recalled: number }) {
    this.#source = source;
    this.#next = next;
    this.#recalled = recalled;
  }

  /** Whether nothing more comes because it was closed. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * Returns at once a batch of what is there and was not yet read, or undefined if that is nothing.
   */
  take(): Turn<T> | undefined {
    const batch = this.#closed ? undefined : this.#source.read(this.#next, this.#recalled);
    if (!batch) return undefined;
    const missed = batch.first - this.#next;
    this.#next = batch.first + batch.events.length;
    return { missed, batch };
  }

  /**
   * Calls `resume` once, as soon as there is something to take or the subscription is closed: at
   * once, if that is so already. It must not throw.
   */
  whenReady(resume: () => void): void {
    if (this.#closed || this.#source.has(this.#next)) return resume();
    this.#resume = resume;
    this.#source.wait(this);
  }

  /**
   * Waits for the next turn.
   *
   * @returns Done once the subscription is closed.
   */
  async next(): Promise<IteratorResult<Turn<T>, undefined>> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => this.whenReady(resolve));
      const value = this.take();
      if (value) return { done: false, value };
    }
    return { done: true, value: undefined };
  }

  /** Ends a wait. Called by the queue, once for each time that this subscription asked to wait. */
  wake(): void {
    if (!this.#resume) return;
    if (this.#source.has(this.#next)) this.#goOn();
    else this.#source.wait(this);
  }

  /** Ends the iteration, also one that is waiting. */
  close(): void {
    this.#closed = true;
    this.#source.leave();
    this.#goOn();
  }

  /** Closes the subscription: a `for await` loop calls it when it is left early. */
  return(): Promise<IteratorResult<Turn<T>, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  #goOn(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** Returns itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }
}
