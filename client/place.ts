/**
 * The place of a client in a room: up to where it has seen the events, so that it shows each once
 * and can come back to where it was.
 *
 * @module
 */

import type { Welcome } from "../protocol.ts";

/** Of so many rooms that were left it is known what was seen. */
export const MAX_LEFT = 20;

/** Where a client is in one room after the other. */
export class Place {
  #room: Pick<Welcome, "epoch" | "room"> | undefined;
  /** The id of the next event that was not seen; undefined before the first. */
  #next: number | undefined;
  /** The same of rooms that were left, by their names; the last one that was left is the last. */
  readonly #left = new Map<string, number>();
  /** Up to this id, what comes is the room's past. */
  #pastEnd = 0;
  /** How many events before the next one are missed, as the server says. */
  #gap = 0;
  /**
   * The id of the next event, if the server goes on where another epoch ended: it does not say so, but
   * the next event tells.
   */
  #expected: number | undefined;
  /** The id after the last event that was seen by who was here before; undefined if nobody was. */
  #resumed: number | undefined;

  /** The epoch that {@linkcode #expected} belongs to. */
  #epoch: string | undefined;

  /** Creates one that has seen nothing yet, but takes the place of one that had. */
  constructor(before?: { readonly welcome: Welcome; readonly seen: number }) {
    if (!before || before.seen === 0) return;
    this.#room = before.welcome;
    this.#resumed = before.seen + 1;
  }

  /** The id of the last event that was seen; 0 before the first. */
  get seen(): number {
    return (this.#next ?? this.#expected ?? this.#resumed ?? 1) - 1;
  }

  /** The epoch in which that event was seen; undefined before the first welcome. */
  get epoch(): string | undefined {
    return this.#epoch ?? this.#room?.epoch;
  }

  /** Comes into a room, or back into it. */
  enter({ epoch, room, id }: Welcome): void {
    // What an earlier connection was told is known by the ids.
    this.#gap = 0;
    const before = this.#room;
    if (before?.room === room && before.epoch !== epoch) return this.#enterAnew(epoch, room, id);
    this.#expected = this.#epoch = undefined;
    const isSameRoom = this.#room?.epoch === epoch && this.#room.room === room;
    if (!isSameRoom) this.#move(epoch, room);
    // A history that is shorter than what was seen of it is another: it came from an old copy.
    if (this.seen > id) this.#next = undefined;
    if ((this.#resumed ?? 0) > id + 1) this.#resumed = undefined;
    if (!isSameRoom || this.#next === undefined) this.#pastEnd = id;
    this.#room = { epoch, room };
  }

  /** Comes back into a room in another epoch: whether it goes on there is still to be seen. */
  #enterAnew(epoch: string, room: string, id: number): void {
    this.#epoch ??= this.#room?.epoch;
    this.#expected ??= this.#next;
    this.#left.clear();
    this.#next = this.#resumed = undefined;
    this.#pastEnd = id;
    this.#room = { epoch, room };
  }

  /**
   * Finds out, by the first event in another epoch, whether the server goes on where the last one ended.
   *
   * @returns Whether it has another history.
   */
  settle(id: number): boolean {
    const expected = this.#expected;
    this.#expected = this.#epoch = undefined;
    if (expected === undefined) return false;
    if (id - expected !== this.#gap) return true;
    this.#next = expected;
    this.#pastEnd = 0;
    return false;
  }

  /** Leaves the room that this was in, if any, for that one. */
  #move(epoch: string, room: string): void {
    const left = this.#room;
    if (left?.epoch !== epoch) this.#left.clear();
    else if (this.#next !== undefined) this.#left.set(left.room, this.#next);
    this.#next = this.#left.get(room);
    this.#resumed = undefined;
    this.#left.delete(room);
    const [oldest] = this.#left.keys();
    if (this.#left.size > MAX_LEFT && oldest !== undefined) this.#left.delete(oldest);
  }

  /** Takes note that the server says that so many events before the next one are missed. */
  expectGap(count: number): void {
    this.#gap = count;
  }

  /**
   * Goes on behind the event with that id.
   *
   * @returns How many events before it are missed: by the ids, which leave no hole, or if none was seen
   * before, as the server says; undefined if it was seen already.
   */
  take(id: number): number | undefined {
    const known = this.#next ?? this.#resumed;
    if (this.#next !== undefined && id < this.#next) return undefined;
    const missed = known === undefined ? this.#gap : Math.max(0, id - known);
    this.#next = id + 1;
    this.#gap = 0;
    return missed;
  }

  /** Tells whether an event happened before this client came into the room. */
  isPast(id: number): boolean {
    return id <= this.#pastEnd;
  }
}
