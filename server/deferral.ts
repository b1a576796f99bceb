/**
 * What waits until a client reads the answers to what it asked before: lines that it sent, and
 * errors for it.
 *
 * @module
 */

import { type DirectMessage, MAX_FRAME_BYTES } from "../protocol.ts";

/** How much may wait for one client, in UTF-16 units: as much as one frame. */
export const MAX_DEFERRED = MAX_FRAME_BYTES;

/** What each item counts besides its length: an empty line takes room too. */
export const DEFERRED_WEIGHT = 16;

/** What waits for one client. */
export class Deferral {
  /** Whether a change of room or name is among it: then all that follows must wait too. */
  hasMove = false;
  #items: (string | DirectMessage)[] = [];
  #weight = 0;

  /** How much waits. */
  get size(): number {
    return this.#items.length;
  }

  /** Adds an item. Returns false if that is more than {@linkcode MAX_DEFERRED}. */
  add(item: string | DirectMessage): boolean {
    const { length } = typeof item === "string" ? item : JSON.stringify(item);
    this.#weight += DEFERRED_WEIGHT + length;
    if (this.#weight > MAX_DEFERRED) return false;
    this.#items.push(item);
    return true;
  }

  /** Takes out all there is, the oldest first. */
  takeAll(): (string | DirectMessage)[] {
    const items = this.#items;
    this.#items = [];
    this.#weight = 0;
    this.hasMove = false;
    return items;
  }
}
