/**
 * The outbox: what a client wants said or done, in that order, until the server has answered it.
 *
 * @module
 */

import {
  type ClientMessage,
  formatChat,
  isLongerThan,
  MAX_FRAME_BYTES,
  type Private,
  ProtocolError,
  type RoomEvent,
  type SendMessage,
} from "../protocol.ts";

/** Longest message, in bytes: the longest frame, without what is sent together with it. */
const MAX_MESSAGE_BYTES = MAX_FRAME_BYTES - 256;

/** The most of a client's own names that are remembered. */
const MAX_NAMES = 100;

/** Something in an outbox. */
export interface Entry {
  /** What answers it: the `ref` of a message, or the `data` of the ping that follows a request. */
  readonly key: string;
  readonly message: ClientMessage;
  /** How long it is on the wire, in UTF-16 units. */
  readonly size: number;
  /** On how many connections it went out. */
  sent: number;
}

/**
 * Returns a UUID that begins with the time (RFC 9562, version 7): a store that keeps refs in order
 * has the new ones side by side.
 */
export function newRef(): string {
  // Not randomUUID: a page has that only where its address is secure.
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
  /** The names that this client had. */
  readonly #names = new Set<string>();
  /** What was sent on this connection, and is not answered. */
  readonly #underWay = new Set<Entry>();
  /** What had been sent before a check, by the check's key. */
  readonly #checks = new Map<string, readonly Entry[]>();

  /** How much is not answered. */
  get size(): number {
    return this.#entries.size;
  }

  /** In how many parts a server can refuse what is under way: a request has its ping. */
  get risk(): number {
    let risk = 0;
    for (const { message } of this.#underWay) risk += message.messageType === "message" ? 1 : 2;
    return risk;
  }

  /** How long it is what is under way, in UTF-16 units. */
  get sizeUnderWay(): number {
    let size = 0;
    for (const entry of this.#underWay) size += entry.size;
    return size;
  }

  /** Whether a message is under way. */
  get isTalking(): boolean {
    return this.#underWay.values().some(({ message }) => message.messageType === "message");
  }

  /** Returns what is under way: sent on this connection, and not answered. */
  copyUnderWay(): Set<Entry> {
    return new Set(this.#underWay);
  }

  /** Takes out the messages that are not under way. Returns how many there were. */
  dropMessages(): number {
    const waiting = this.entries().filter((entry) =>
      entry.message.messageType === "message" && !this.#underWay.has(entry)
    );
    for (const entry of waiting) this.#remove(entry);
    return waiting.length;
  }

  /**
   * Adds a request, or a message to say: with its own `ref`, or one that it is given; on how many
   * connections it went out before, if it did.
   *
   * @throws {ProtocolError} If it is too long, or its `ref` is that of another that is not answered.
   */
  add(message: ClientMessage, sent = 0): Entry {
    const line = formatChat(message);
    if (isLongerThan(line, MAX_MESSAGE_BYTES)) {
      throw new ProtocolError("too_long", `That is over ${MAX_MESSAGE_BYTES} bytes. Send less.`);
    }
    const isMessage = message.messageType === "message";
    const key = (isMessage ? message.ref : undefined) ?? newRef();
    if (this.#entries.has(key)) {
      throw new ProtocolError("bad_message", "That ref is in use. Give each message its own.");
    }
    const said = isMessage ? { ...message, ref: key } : message;
    const entry = { key, message: said, size: line.length, sent };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Returns the oldest entry that is not under way. */
  next(): Entry | undefined {
    return this.#entries.values().find((entry) => !this.#underWay.has(entry));
  }

  /** Takes note that an entry was sent on this connection. */
  launch(entry: Entry): void {
    entry.sent++;
    this.#underWay.add(entry);
  }

  /**
   * Takes note that the server did not take the message with that `ref`, or without one, the oldest
   * request. Returns what is to be sent again.
   */
  takeBack(ref: string | undefined): Entry | undefined {
    const entry = this.#underWay.values().find(({ key, message }) =>
      ref === undefined ? message.messageType !== "message" : key === ref
    );
    if (!entry) return undefined;
    entry.sent--;
    this.#underWay.delete(entry);
    for (const [check, sent] of this.#checks) {
      this.#checks.set(check, sent.filter((other) => other !== entry));
    }
    return entry;
  }

  /** Takes note that the connection is gone: nothing is under way, and nothing will be answered. */
  recall(): void {
    this.#underWay.clear();
    this.#checks.clear();
  }

  /** Takes note of a name that this client has. */
  addName(name: string): void {
    if (this.#names.size >= MAX_NAMES) this.#names.clear();
    this.#names.add(name);
  }

  /** Takes out the message that an event is, if it is one of this client's. Returns whether it is. */
  settleEvent(event: RoomEvent): boolean {
    if (event.messageType !== "message" || event.ref === undefined) return false;
    // Somebody else may have used the same ref.
    return this.#names.has(event.from) && this.settleMessage(event.ref) !== undefined;
  }

  /** Takes out the private message that this echoes. Returns whether it is one of this client's. */
  settlePrivate({ from, ref }: Private): boolean {
    const entry = ref === undefined ? undefined : this.#entries.get(ref);
    const isPrivate = entry?.message.messageType === "message" && entry.message.to !== undefined;
    return isPrivate && this.#names.has(from) && this.settleMessage(entry.key) !== undefined;
  }

  /** Takes out the message that was answered, and returns it if it was there and went out. */
  settleMessage(ref: string): Entry | undefined {
    const entry = this.#entries.get(ref);
    if (entry?.message.messageType !== "message" || entry.sent === 0) return undefined;
    this.#remove(entry);
    return entry;
  }

  /**
   * Takes out what a pong answers: a request, or all that was sent before a check. Returns whether
   * it is an answer to one of them.
   */
  settlePong(key: string): boolean {
    const checked = this.#checks.get(key);
    this.#checks.delete(key);
    // What was sent before, and is not answered, was accepted: its answer is among what is missed.
    for (const entry of checked ?? []) {
      // Its ref may be that of another message by now.
      if (this.#underWay.has(entry)) this.#remove(entry);
    }
    const entry = this.#entries.get(key);
    const isRequest = entry !== undefined && entry.message.messageType !== "message";
    // What was refused has a pong, too, but is not done.
    if (isRequest && this.#underWay.has(entry)) this.#remove(entry);
    return isRequest || checked !== undefined;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#underWay.delete(entry);
  }

  /**
   * Begins a check of the messages that were sent and are not answered.
   *
   * @returns The `data` of the ping whose pong will answer them; undefined if there are none.
   */
  addCheck(): string | undefined {
    const sent = [...this.#underWay].filter(({ message }) => message.messageType === "message");
    if (sent.length === 0) return undefined;
    const key = newRef();
    this.#checks.set(key, sent);
    return key;
  }

  /** Returns the keys of the checks that are not answered. */
  checks(): string[] {
    return [...this.#checks.keys()];
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
    return this.entries().flatMap((entry) => {
      const { message, sent } = entry;
      if (message.messageType !== "message" || message.to === undefined || sent === 0) return [];
      this.#remove(entry);
      return [message];
    });
  }
}
