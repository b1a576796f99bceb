/**
 * The outbox: what a client wants said or done, in that order, until the server has answered it.
 *
 * @module
 */

import type { ClientMessage, SendMessage } from "../protocol.ts";

/** Something in an outbox. */
export interface Entry {
  /** What answers it: the `ref` of a message, or the `data` of the ping that follows a request. */
  readonly key: string;
  readonly message: ClientMessage;
  /** On how many connections it went out. */
  sent: number;
}

/**
 * Returns a UUID that begins with the time (RFC 9562, version 7): a store that keeps refs in order
 * has the new ones side by side.
 */
export function newRef(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const time = Date.now().toString(16).padStart(12, "0");
  const variant = "89ab"[(bytes[8] ?? 0) & 3];
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join("-");
}

/** What is not answered yet, the oldest first. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();

  /** How much is not answered. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds a request, or a message to say: with its own `ref`, or one that it is given. */
  add(message: ClientMessage): Entry {
    const isMessage = message.messageType === "message";
    const key = (isMessage ? message.ref : undefined) ?? newRef();
    const entry = { key, message: isMessage ? { ...message, ref: key } : message, sent: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Tells whether there is something with that key. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Takes out the message that was answered, and returns it if it was there and went out. */
  settleMessage(ref: string): Entry | undefined {
    const entry = this.#entries.get(ref);
    if (entry?.message.messageType !== "message" || entry.sent === 0) return undefined;
    this.#entries.delete(ref);
    return entry;
  }

  /** Takes out the request that was answered. Returns whether it was there. */
  settleRequest(key: string): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.message.messageType !== "message" &&
      this.#entries.delete(key);
  }

  /** Returns all there is. */
  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /**
   * Takes out the private messages that went out, and returns them: whether they were handed over
   * cannot be known once the connection is gone, and they must not be handed over twice.
   */
  takeUncertain(): SendMessage[] {
    return this.entries().flatMap(({ key, message, sent }) => {
      if (message.messageType !== "message" || message.to === undefined || sent === 0) return [];
      this.#entries.delete(key);
      return [message];
    });
  }
}
