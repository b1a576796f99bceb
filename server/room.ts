/**
 * A room: who is in it, and the queue of what happens there.
 *
 * Each coming and going is an event in the queue, as each message is. Told to everyone, that costs
 * the square of the room when many come at once, so a crowd (more than {@linkcode CROWD} people) is
 * told only how many are here, at most once in {@linkcode PRESENCE_INTERVAL}.
 *
 * @module
 */

import {
  isPlain,
  MAX_FRAME_BYTES,
  MAX_LISTED,
  type RoomEvent,
  type RoomMessage,
  type Users,
} from "../protocol.ts";
import type { Clock } from "./clock.ts";
import { BroadcastQueue, type Subscription } from "./queue.ts";

/** A room with more people than this is a crowd: it does not tell each join, leave and rename. */
export const CROWD = 100;

/**
 * The shortest time between two `presence` events, in milliseconds; in a room of more than a
 * thousand, a millisecond for each: so they never cost more than a thousand deliveries a second.
 */
export const PRESENCE_INTERVAL = 1_000;

/**
 * The most bytes of a batch: half of what a frame may have, because a connection's write buffer
 * stays as large as its largest frame was.
 */
export const BATCH_WEIGHT = MAX_FRAME_BYTES / 2;

/** The most bytes of an event in JSON besides its texts, with the newline after it. */
const EVENT_WEIGHT = 128;

/** The most bytes that a UTF-16 unit takes in JSON: `\u0000`. */
const UNIT_WEIGHT = 6;

/** Someone in a room. */
export interface Member {
  readonly name: string;
  readonly address: string;
}

/** What a room is made with. */
export interface RoomOptions {
  readonly clock: Clock;
  /** How many events the room retains. */
  readonly capacity: number;
  /** The id of its first event. */
  readonly first: number;
}

/** Returns a bound on the bytes of an event on the wire: never less than it takes in `chat.v1`. */
function weigh(event: RoomEvent): number {
  if (event.messageType === "presence") return EVENT_WEIGHT;
  const { from, address, data = "" } = event;
  const ref = event.messageType === "message" ? event.ref ?? "" : "";
  return EVENT_WEIGHT + weighText(from) + weighText(address) + weighText(data) + weighText(ref);
}

function weighText(text: string): number {
  return isPlain(text) ? text.length : UNIT_WEIGHT * text.length;
}

/** One conversation. */
export class Room {
  /** The room's name. */
  readonly name: string;
  readonly #clock: Clock;
  readonly #queue: BroadcastQueue<RoomEvent>;
  readonly #members = new Set<Member>();
  /** Where each `ref` in the ring went: exactly the refs of the events that the queue retains. */
  readonly #refs = new Map<string, number>();
  #names: readonly string[] | undefined;
  /**
   * What `users()` lists. A newcomer behind the first {@linkcode MAX_LISTED} does not change it.
   */
  #listed: readonly string[] | undefined;
  #cancelPresence: (() => void) | undefined;
  /** The first event that is history to a newcomer. */
  #historyStart: number;

  /** Creates an empty room. */
  constructor(name: string, { clock, capacity, first }: RoomOptions) {
    this.name = name;
    this.#clock = clock;
    this.#queue = new BroadcastQueue({ capacity, first, weigh, batchWeight: BATCH_WEIGHT });
    this.#historyStart = first;
  }

  /** How many people are here. */
  get count(): number {
    return this.#members.size;
  }

  /** The id of the newest event. */
  get newest(): number {
    return this.#queue.newest;
  }

  /** Everyone's name. The same array until someone comes, goes or is renamed. */
  get names(): readonly string[] {
    return this.#names ??= Array.from(this.#members, (member) => member.name);
  }

  /**
   * Returns the list of who is here: of too many for one list, those who have been here longest.
   */
  users(): Users {
    this.#listed ??= Array.from(this.#members.values().take(MAX_LISTED), ({ name }) => name);
    return { messageType: "users", dataArray: this.#listed, count: this.count, room: this.name };
  }

  /** Begins a new history: only who resumes gets what was before. */
  reopen(): void {
    this.#historyStart = this.newest + 1;
  }

  /** Subscribes to the events after the id `after`. */
  subscribe(after: number): Subscription<RoomEvent> {
    return this.#queue.subscribe(after);
  }

  /** Returns the id after which the last `count` events come, or all that are retained. */
  beforeLast(count: number): number {
    const { newest, oldest } = this.#queue;
    return Math.max(newest - count, oldest - 1, this.#historyStart - 1);
  }

  /** Returns the last `count` messages that are retained, oldest first. */
  lastMessages(count: number): RoomMessage[] {
    const messages: RoomMessage[] = [];
    for (let id = this.newest; id >= this.#historyStart && messages.length < count; id--) {
      const event = this.#queue.at(id);
      if (!event) break;
      if (event.messageType === "message") messages.unshift(event);
    }
    return messages;
  }

  /** Lets someone in, untold: {@linkcode announce} tells it, once the newcomer has been greeted. */
  admit(member: Member): void {
    this.#members.add(member);
    this.#names = undefined;
    if (this.count <= MAX_LISTED) this.#listed = undefined;
  }

  /** Tells that someone came in. */
  announce(member: Member): void {
    this.#tell("join", member, member.name);
  }

  /** Lets someone go, and tells it. */
  dismiss(member: Member): void {
    this.remove(member);
    this.#tell("leave", member, member.name);
  }

  /** Lets someone go, untold. */
  remove(member: Member): void {
    this.#members.delete(member);
    this.#forgetNames();
    if (this.count > 0) return;
    this.#cancelPresence?.();
    this.#cancelPresence = undefined;
  }

  /** Tells that someone took another name; the member has it already. */
  renamed(member: Member, from: string): void {
    this.#forgetNames();
    this.#tell("rename", member, from);
  }

  /** Returns the id of the message with that `ref`, if it is still retained. */
  idOf(ref: string): number | undefined {
    return this.#refs.get(ref);
  }

  /** Publishes a message, whose `ref` is new here, and returns its id. */
  publish(message: RoomMessage): number {
    const id = this.#append(message);
    if (message.ref !== undefined) this.#refs.set(message.ref, id);
    return id;
  }

  #forgetNames(): void {
    this.#names = undefined;
    this.#listed = undefined;
  }

  #tell(messageType: "join" | "leave" | "rename", member: Member, from: string): void {
    if (this.count > CROWD) return this.#tellPresence();
    const event = { messageType, time: this.#clock.now(), from, address: member.address };
    this.#append(messageType === "rename" ? { ...event, data: member.name } : event);
  }

  #tellPresence(): void {
    const interval = Math.max(PRESENCE_INTERVAL, this.count);
    this.#cancelPresence ??= this.#clock.after(interval, () => {
      this.#cancelPresence = undefined;
      this.#append({ messageType: "presence", time: this.#clock.now(), count: this.count });
    });
  }

  #append(event: RoomEvent): number {
    const { oldest } = this.#queue;
    const overwritten = this.#queue.at(oldest);
    const id = this.#queue.publish(event);
    if (this.#queue.oldest > oldest && overwritten?.messageType === "message") {
      if (overwritten.ref !== undefined) this.#refs.delete(overwritten.ref);
    }
    return id;
  }
}
