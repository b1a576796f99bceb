/**
 * The journal: has what happens stored before anyone sees it.
 *
 * What the rooms have to tell in one turn of the event loop is stored together at the turn's end,
 * and published if that has succeeded. If it fails, nobody is told any of it: who said something is
 * answered with an error, and who came or went is tried again with what comes next, or after
 * {@linkcode RETRY_INTERVAL}.
 *
 * @module
 */

import type { RoomEvent, RoomMessage } from "../protocol.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Archive } from "./queue.ts";
import { type Page, type Store, type StoredPass, StoreError } from "./store.ts";

/** The most sessions that are stored at a time: the rest has its turn after that. */
const SESSIONS_AT_ONCE = 200;

/** How soon what was not stored is tried again, in milliseconds, if nothing else happens before. */
export const RETRY_INTERVAL = 1_000;

/** How soon after something was stored the oldest is removed for it, in milliseconds. */
export const TRIM_INTERVAL = 100;

/** The time between two steps of removing, in milliseconds: others take their turns there. */
const TRIM_PAUSE = 1;

/** How soon removing is tried again after it has failed, in milliseconds. */
const TRIM_RETRY_INTERVAL = 60_000;

/** A room, as the journal sees it. */
export interface Writer {
  /** Returns what is to be stored now. */
  page(): Page;
  /** Is told that its page was stored. */
  accept(): void;
  /** Is told that its page was not stored, and why. Returns whether it wants to try again. */
  refuse(reason: string): boolean;
}

/** Settings of a {@linkcode Journal}. */
export interface JournalOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Whether nobody is told the addresses that are stored. */
  readonly hidesAddresses: boolean;
}

/** One server's journal. */
export class Journal {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #hidesAddresses: boolean;
  readonly #writers = new Set<Writer>();
  readonly #unsaved = new Set<StoredPass>();
  #wakes: (() => void)[] = [];
  #isTurnsEndScheduled = false;
  /** Whether it is telling what became of a commit: what happens meanwhile is for the next. */
  #isTelling = false;
  /** Why storing fails, while it does. */
  #failure: string | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelTrim: (() => void) | undefined;
  #isClosed = false;

  /** Begins to keep `store`. */
  constructor(store: Store, { clock, log, hidesAddresses }: JournalOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#hidesAddresses = hidesAddresses;
    this.#trimAfter(TRIM_INTERVAL);
  }

  /** Has a room's page stored at the end of this turn. */
  stage(writer: Writer): void {
    this.#writers.add(writer);
    this.#scheduleTurnsEnd();
  }

  /** Has a session stored at the end of this turn, as it is then. */
  save(pass: StoredPass): void {
    this.#unsaved.add(pass);
    this.#scheduleTurnsEnd();
  }

  /** No longer has a session stored. */
  drop(pass: StoredPass): void {
    this.#unsaved.delete(pass);
  }

  /** Whether something waits to be stored at the end of this turn, and can be. */
  get isStaging(): boolean {
    return this.#writers.size > 0 && this.#failure === undefined;
  }

  /** Calls `wake` at the end of this turn, after what it tells of was stored. */
  schedule(wake: () => void): void {
    this.#wakes.push(wake);
    this.#scheduleTurnsEnd();
  }

  /**
   * Stores now what is staged, rather than at the end of the turn; not while nothing can be stored,
   * which is tried once a turn and not for each who asks.
   */
  commit(): void {
    if (this.#failure === undefined) this.#commit();
  }

  /** Has nothing more to do with a room: what it has staged is stored now or never. */
  release(writer: Writer): void {
    this.commit();
    if (this.#writers.delete(writer)) writer.refuse(this.#failure ?? "");
  }

  /** Returns what is stored of a room. What cannot be read is as if it was not there. */
  archive(room: string): RoomArchive {
    const attempt = <T>(read: () => T, otherwise: T): T => this.#attempt(room, read, otherwise);
    const store = this.#store;
    const tellable = <T extends RoomEvent>(events: readonly T[]): readonly T[] =>
      this.#hidesAddresses
        ? events.map((event) => "address" in event ? { ...event, address: "" } : event)
        : events;
    return {
      newest: () => store.newest(room),
      oldest: () => attempt(() => store.oldest(room), Infinity),
      read: (first, before) => attempt(() => tellable(store.read(room, first, before)), []),
      lastMessages: (before, count) =>
        attempt(() => tellable(store.lastMessages(room, before, count)), []),
      fromLast: (before, count) => attempt(() => store.fromLast(room, before, count), undefined),
      idOf: (owner, ref) => attempt(() => store.idOf(room, owner, ref), undefined),
    };
  }

  /** Returns what `Store.reached` does. What cannot be read is not known. */
  reached(epoch: string, room: string): number | undefined {
    return this.#attempt(room, () => this.#store.reached(epoch, room), undefined);
  }

  /** Returns the stored session with that secret, if it is valid. */
  pass(secret: string): StoredPass | undefined {
    const read = (): StoredPass | undefined => this.#store.pass(secret, this.#clock.now());
    return this.#attempt("sessions", read, undefined);
  }

  /** Stores what is staged, if it can, and lets go of the store. Nothing is stored any more. */
  close(): void {
    this.#commit();
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#cancelTrim?.();
    this.#store.close();
  }

  #commit(): void {
    if (this.#isClosed || this.#isTelling) return;
    if (this.#writers.size === 0 && this.#unsaved.size === 0) return;
    const writers = [...this.#writers];
    const passes = [...this.#unsaved.values().take(SESSIONS_AT_ONCE)];
    this.#writers.clear();
    try {
      this.#store.write(writers.map((writer) => writer.page()), passes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#refuse(writers, error.message);
    }
    for (const pass of passes) this.#unsaved.delete(pass);
    if (this.#unsaved.size > 0) this.#scheduleTurnsEnd();
    this.#recover();
    this.#tell(() => writers.forEach((writer) => writer.accept()));
    this.#trimAfter(TRIM_INTERVAL);
  }

  #tell(tell: () => void): void {
    this.#isTelling = true;
    try {
      tell();
    } finally {
      this.#isTelling = false;
    }
  }

  #scheduleTurnsEnd(): void {
    if (this.#isTurnsEndScheduled) return;
    this.#isTurnsEndScheduled = true;
    setImmediate(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#isTurnsEndScheduled = false;
    this.#commit();
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }

  #refuse(writers: readonly Writer[], reason: string): void {
    if (this.#failure !== reason) this.#log("error", () => `Nothing can be stored: ${reason}`);
    this.#failure = reason;
    this.#tell(() => {
      for (const writer of writers) {
        if (writer.refuse(reason)) this.#writers.add(writer);
      }
    });
    this.#cancelRetry ??= this.#clock.after(RETRY_INTERVAL, () => {
      this.#cancelRetry = undefined;
      this.#commit();
    });
  }

  #recover(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#log("info", () => "Storing again");
  }

  #trimAfter(ms: number): void {
    this.#cancelTrim ??= this.#clock.after(ms, () => {
      this.#cancelTrim = undefined;
      const trim = (): number | undefined =>
        this.#store.trim(this.#clock.now()) ? TRIM_PAUSE : undefined;
      const again = this.#attempt("what is too old", trim, TRIM_RETRY_INTERVAL);
      if (again !== undefined) this.#trimAfter(again);
    });
  }

  #attempt<T>(what: string, work: () => T, otherwise: T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#log("error", () => `Cannot use what is stored of ${what}: ${error.message}`);
      return otherwise;
    }
  }
}

/** What is stored of one room, under the ids that its queue gave. */
export interface RoomArchive extends Archive<RoomEvent> {
  /**
   * Returns the id of the newest event, or 0.
   *
   * @throws {StoreError} If that cannot be told: without it, ids would be given twice.
   */
  newest(): number;
  /** Returns the last messages below the id `before`, at most `count`, oldest first. */
  lastMessages(before: number, count: number): readonly RoomMessage[];
  /**
   * Returns the id of the first of the last `count` messages below the id `before`, or undefined if there
   * are fewer.
   */
  fromLast(before: number, count: number): number | undefined;
  /** Returns the id of the message with that `ref` of `owner`. */
  idOf(owner: string, ref: string): number | undefined;
}
