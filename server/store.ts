/**
 * What keeps a chat's history over a restart: the events of all rooms under their ids, and the
 * sessions that can be resumed. `server/sqlite.ts` is one.
 *
 * @module
 */

import type { RoomEvent, RoomMessage } from "../protocol.ts";

/** Consecutive events of one room: `events[i]` has the id `first + i`. */
export interface Page {
  readonly room: string;
  readonly first: number;
  readonly events: readonly RoomEvent[];
  /** Whose the `ref` of `events[i]` is, if it has one; nobody is told that. Default: nobody's. */
  readonly refOwners?: readonly string[];
}

/** A session that can be resumed after a restart. */
export interface StoredPass {
  readonly secret: string;
  readonly name: string;
  readonly room: string;
  /** The id in that room up to which its owner is not told what happened. */
  readonly since: number;
  /**
   * When it stops being valid, in milliseconds since 1970; undefined while its connection is there.
   */
  readonly expires: number | undefined;
}

/** A ban or a mute. */
export interface Sanction {
  readonly kind: "ban" | "mute";
  /** The key of the name for which it holds. */
  readonly name: string;
  /** The key of the token for which it holds too, if any. */
  readonly token: string | undefined;
  /** When it ends, by the clock of whoever stores it: milliseconds since some moment. */
  readonly until: number;
}

/** Something could not be stored or read. Its message ends a sentence: `the disk is full`. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/**
 * Keeps events and sessions. Whatever fails throws a {@linkcode StoreError}, and has changed
 * nothing.
 */
export interface Store {
  /** Names what happens from now on: an earlier opening of the store had another. */
  readonly epoch: string;
  /**
   * Returns the id that a room had reached at the end of an earlier epoch, or undefined if the store does
   * not know it: then ids of that epoch mean nothing here.
   */
  reached(epoch: string, room: string): number | undefined;
  /** Stores all of it or nothing. Each page begins where its room's last one ended. */
  write(pages: readonly Page[], passes: readonly StoredPass[]): void;
  /** Returns the id of a room's newest event, or 0. */
  newest(room: string): number;
  /** Returns the id of a room's oldest event, or Infinity. */
  oldest(room: string): number;
  /** Returns some events of a room, one after the other: the first is `first`, none is `before`. */
  read(room: string, first: number, before: number): RoomEvent[];
  /** Returns the last messages of a room below the id `before`, at most `count`, oldest first. */
  lastMessages(room: string, before: number, count: number): RoomMessage[];
  /**
   * Returns the id of the first of a room's last `count` messages below the id `before`, or undefined if
   * there are fewer.
   */
  fromLast(room: string, before: number, count: number): number | undefined;
  /** Returns the id of a room's message with that `ref` of `owner`. */
  idOf(room: string, owner: string, ref: string): number | undefined;
  /**
   * Returns the session with that secret, if its connection has ended and it is still valid at `now`,
   * in milliseconds since 1970.
   */
  pass(secret: string, now: number): StoredPass | undefined;
  /**
   * Returns the bans and mutes that had not ended at the last saving. The time from then until `now`, by
   * a clock that never goes back, does not count.
   */
  sanctions(now: number): Sanction[];
  /**
   * Stores one in the place of another for the same name, and of all others how much of them is left
   * `now`, by the same clock; removes those that have ended.
   */
  saveSanction(sanction: Sanction, now: number): void;
  /**
   * Removes a few of those events and sessions that need not be kept any longer. Returns whether
   * there are more.
   */
  trim(now: number): boolean;
  /** Lets go of it. */
  close(): void;
}
