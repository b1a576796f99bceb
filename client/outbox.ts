/**
 * The outbox: what a client wants said or done, in that order, until the server has answered it.
 *
 * @module
 */

import {
  type ClientMessage,
  type Failure,
  formatChat,
  isLongerThan,
  isNotice,
  MAX_FRAME_BYTES,
  type Private,
  ProtocolError,
  type RoomEvent,
  type SendMessage,
  type ServerMessage,
} from "../protocol.ts";

/** Longest message, in bytes: the longest frame, without what is sent together with it. */
const MAX_MESSAGE_BYTES = MAX_FRAME_BYTES - 256;

/** The most of a client's own names that are remembered. */
const MAX_NAMES = 100;

/** Something in an outbox. */
export interface Entry {
  /** Tells it from others: the `ref` of a message. */
  readonly key: string;
  readonly message: ClientMessage;
  /** How long it is on the wire, in UTF-16 units. */
  readonly size: number;
  /** How often it went out. */
  sent: number;
}

/** Tells whether something is said to the room. */
function isSaid({ message }: Entry): boolean {
  return message.messageType === "message" && message.to === undefined;
}

/** Tells whether `answer` is what answers a request that has no `ref`. */
function isAnswer(request: ClientMessage, answer: ServerMessage): boolean {
  switch (request.messageType) {
    case "message":
      return false;
    case "register":
      return answer.messageType === "welcome";
    case "join":
      return answer.messageType === "welcome" && answer.room === request.data;
    case "users":
    case "rooms":
      return answer.messageType === request.messageType;
    case "ping":
      return answer.messageType === "pong" && answer.data === request.data;
    case "kick":
    case "ban":
    case "mute":
      return answer.messageType === "private" && isNotice(answer);
  }
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
  /** What was sent on this connection, and is not answered, in the order in which it was sent. */
  readonly #underWay = new Set<Entry>();
  /** What was under way before a check, by the `ref` that was sent a second time. */
  readonly #checks = new Map<string, readonly Entry[]>();
  /** How many times more than once something was sent for a check, and may be answered. */
  readonly #repeats = new Map<string, number>();

  /** How much is not answered. */
  get size(): number {
    return this.#entries.size;
  }

  /** How much is under way. */
  get underWay(): number {
    return this.#underWay.size;
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

  /**
   * Begins a check of what was said to the room and is under way, because what answers it may be missed.
   *
   * @returns The last of it, whose second answer on this connection tells of all before it; undefined if
   * there is none.
   */
  beginCheck(): Entry | undefined {
    const said = [...this.#underWay].filter(isSaid);
    const last = said.pop();
    if (!last) return undefined;
    this.#checks.set(last.key, said);
    this.#repeats.set(last.key, (this.#repeats.get(last.key) ?? 0) + 1);
    return last;
  }

  /**
   * Takes out what was checked by sending that `ref` a second time, now that this is answered: the server
   * answers in order, so what tells of that is missed.
   */
  endCheck(ref: string): void {
    const checked = this.#checks.get(ref);
    if (!checked) return;
    for (const entry of checked) if (this.#underWay.has(entry)) this.#remove(entry);
    this.#checks.delete(ref);
  }

  /** Takes note of another answer to what was sent more than once. Returns whether it is one. */
  takeRepeat(ref: string): boolean {
    const repeats = this.#repeats.get(ref) ?? 0;
    if (repeats === 0 || this.#entries.has(ref)) return false;
    if (repeats === 1) this.#repeats.delete(ref);
    else this.#repeats.set(ref, repeats - 1);
    return true;
  }

  /**
   * Returns the room that this client will be in when all of this is done; undefined if nothing leads
   * to another.
   */
  destination(): string | undefined {
    const joins = this.entries().map(({ message }) => message)
      .filter((message) => message.messageType === "join");
    return joins.at(-1)?.data;
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
   * request. Returns whether something is to be sent again.
   */
  takeBack(ref: string | undefined): boolean {
    const entry = this.#underWay.values().find(({ key, message }) =>
      ref === undefined ? message.messageType !== "message" : key === ref
    );
    if (!entry) return false;
    entry.sent--;
    this.#underWay.delete(entry);
    return true;
  }

  /** Takes note that the connection is gone: nothing is under way, and nothing will be answered. */
  recall(): void {
    this.#underWay.clear();
    this.#checks.clear();
    this.#repeats.clear();
  }

  /** Takes note of a name that this client has. */
  addName(name: string): void {
    if (this.#names.size >= MAX_NAMES) this.#names.clear();
    this.#names.add(name);
  }

  /** Takes out the message that an event is, if it is one of this client's. Returns whether it is. */
  acceptEvent(event: RoomEvent): boolean {
    if (event.messageType !== "message" || event.ref === undefined) return false;
    // Somebody else may have used the same ref.
    return this.#names.has(event.from) && this.takeOut(event.ref) !== undefined;
  }

  /** Takes out the private message that this echoes. Returns whether it is one of this client's. */
  acceptPrivate({ from, ref }: Private): boolean {
    const entry = ref === undefined ? undefined : this.#entries.get(ref);
    const isPrivate = entry?.message.messageType === "message" && entry.message.to !== undefined;
    return isPrivate && this.#names.has(from) && this.takeOut(entry.key) !== undefined;
  }

  /** Takes out the message that was answered, and returns it if it was there and went out. */
  takeOut(ref: string): Entry | undefined {
    const entry = this.#entries.get(ref);
    if (entry?.message.messageType !== "message" || entry.sent === 0) return undefined;
    this.#remove(entry);
    return entry;
  }

  /** Takes out the oldest request under way that this answers. Returns it, if there is one. */
  answer(answer: ServerMessage): Entry | undefined {
    const entry = this.#underWay.values().find(({ message }) => isAnswer(message, answer));
    if (entry) this.#remove(entry);
    return entry;
  }

  /** Takes out the request that was refused: as they are served in order, the oldest under way. */
  refuse({ room }: Failure): Entry | undefined {
    const entry = this.#underWay.values().find(({ message }) =>
      message.messageType !== "message" &&
      (room === undefined || (message.messageType === "join" && message.data === room))
    );
    if (entry) this.#remove(entry);
    return entry;
  }

  /**
   * Takes out the messages for a room that could not be joined, up to the next try to join it, but for
   * those under way, each of which will be refused. Returns them, the oldest first.
   */
  takeStranded(room: string): SendMessage[] {
    const stranded: SendMessage[] = [];
    for (const entry of this.entries()) {
      const { message } = entry;
      if (message.messageType === "join" && message.data === room) break;
      if (message.messageType !== "message" || message.to !== undefined) continue;
      if (message.room !== room || this.#underWay.has(entry)) continue;
      this.#remove(entry);
      stranded.push(message);
    }
    return stranded;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#underWay.delete(entry);
  }

  /** Returns all there is. */
  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /**
   * Takes out the private messages that went out, or all messages, and returns them: whether they were
   * handed over cannot be known once the connection is gone, and they must not be handed over twice.
   */
  takeUncertain(isAll = false): SendMessage[] {
    return this.entries().flatMap((entry) => {
      const { message, sent } = entry;
      if (message.messageType !== "message" || sent === 0) return [];
      if (message.to === undefined && !isAll) return [];
      this.#remove(entry);
      return [message];
    });
  }
}
