/**
 * A room: who is in it, and the queue of what happens there.
 *
 * Each coming and going is an event in the queue, as each message is. Told to everyone, that costs
 * the square of the room when many come at once, so a crowd (more than {@linkcode CROWD} people) is
 * told only how many are here, at most once in {@linkcode PRESENCE_INTERVAL}. A smaller room is told no
 * more while it sees more than {@linkcode MAX_CHANGES} of them in {@linkcode CHANGE_TIME}, at most once
 * in {@linkcode QUIET_INTERVAL}: so coming and going cannot push what was said out of the ring within
 * minutes.
 *
 * With a {@linkcode Journal}, an event is staged until it is stored, and only then published: nobody
 * sees what could be lost. What the ring no longer has is read from there.
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
import type { Journal, RoomArchive, Writer } from "./journal.ts";
import { Counters } from "./metrics.ts";
import { BroadcastQueue, type Subscription } from "./queue.ts";
import type { Page } from "./store.ts";

/** A room with more people than this is a crowd: it does not tell each join, leave and rename. */
export const CROWD = 100;

/**
 * The shortest time between two `presence` events, in milliseconds; in a room of more than a
 * thousand, a millisecond for each: so they never cost more than a thousand deliveries a second.
 */
export const PRESENCE_INTERVAL = 1_000;

/** Up to so many joins, leaves and renames in {@linkcode CHANGE_TIME} are told one by one. */
export const MAX_CHANGES = 20;

/** In milliseconds. */
export const CHANGE_TIME = 60_000;

/**
 * The shortest time between two `presence` events in a room that is no crowd, in milliseconds: in an
 * hour of coming and going they take 360 places in the ring.
 */
export const QUIET_INTERVAL = 10_000;

/** The most events between the messages of a history. */
const MAX_BETWEEN = 1_024;

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

/** Who says something to a room. */
export interface Speaker {
  /** Where they are now. */
  readonly room: Room | undefined;
  /** Whose their refs are: the same for a person who resumes; empty if they give none. */
  readonly refOwner: string;
  /** Is told that what they said before they left the room was published after it. */
  acknowledge(ref: string, id: number): void;
  /** Is told that what they said was not stored, and so was not published, and why. */
  notStored(message: RoomMessage, reason: string): void;
}

/** What a room is made with. */
export interface RoomOptions {
  readonly clock: Clock;
  /** How many events the room's ring holds. */
  readonly capacity: number;
  /** The id of its first event; of what is stored, the next. */
  readonly first: number;
  /** Has its events stored. Default: nothing is stored. */
  readonly journal?: Journal | undefined;
  /** Is counted up with each message that is published, and told how soon they went out. */
  readonly counters?: Pick<Counters, "published" | "flush"> | undefined;
}

/** Returns the key of a `ref`, which belongs to whoever gave it. */
function refKey(owner: string, ref: string): string {
  return `${owner} ${ref}`;
}

/** An event that is not stored yet. */
interface Staged {
  readonly event: RoomEvent;
  readonly speaker: Speaker | undefined;
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

/** Returns about how much an event takes in memory, in UTF-16 units. */
function sizeOf(event: RoomEvent): number {
  return EVENT_WEIGHT + ("data" in event ? event.data?.length ?? 0 : 0);
}

/** One conversation. */
export class Room implements Writer {
  /** The room's name. */
  readonly name: string;
  readonly #clock: Clock;
  readonly #journal: Journal | undefined;
  readonly #archive: RoomArchive | undefined;
  readonly #counters: Pick<Counters, "published" | "flush">;
  readonly #queue: BroadcastQueue<RoomEvent>;
  readonly #members = new Set<Member>();
  /** Where each `ref` in the ring went, by {@linkcode refKey}: exactly those that the queue retains. */
  readonly #refs = new Map<string, number>();
  /** Those keys by the ids of their messages. */
  readonly #refKeys = new Map<number, string>();
  /** When the last joins, leaves and renames were, the oldest first; one more than are told at most. */
  readonly #changes: number[] = [];
  #staged: Staged[] = [];
  /** The keys of the refs of what is staged. */
  readonly #stagedRefs = new Set<string>();
  #names: readonly string[] | undefined;
  /**
   * What `users()` lists. A newcomer behind the first {@linkcode MAX_LISTED} does not change it.
   */
  #listed: readonly string[] | undefined;
  #cancelPresence: (() => void) | undefined;
  /** When it is told how many people are here, while that is going to be told. */
  #presenceDue = 0;
  #size = 0;
  /** The first event that may be history to a newcomer. */
  #historyStart: number;

  /** Creates an empty room. */
  constructor(name: string, { clock, capacity, first, journal, counters }: RoomOptions) {
    this.name = name;
    this.#clock = clock;
    this.#journal = journal;
    this.#counters = counters ?? new Counters();
    this.#archive = journal?.archive(name);
    this.#queue = new BroadcastQueue({
      capacity,
      first,
      weigh,
      batchWeight: BATCH_WEIGHT,
      archive: this.#archive,
      schedule: (wake) => this.#schedule(wake),
    });
    this.#historyStart = this.#archive ? 1 : first;
  }

  /** How many people are here. */
  get count(): number {
    return this.#members.size;
  }

  /** How much the events in the ring take, in UTF-16 units. */
  get size(): number {
    return this.#size;
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

  /** Begins a new history if none is stored: only who resumes gets what was before. */
  reopen(): void {
    if (!this.#archive) this.#historyStart = this.newest + 1;
  }

  /** Subscribes to the events after the id `after`. */
  subscribe(after: number): Subscription<RoomEvent> {
    return this.#queue.subscribe(after);
  }

  /**
   * Returns the id after which the last `count` messages come, and what happened between them; or all
   * that is retained, but no more than {@linkcode MAX_BETWEEN} events besides them.
   */
  beforeLast(count: number): number {
    if (count === 0) return this.newest;
    const { oldest } = this.#queue;
    const start = Math.max(this.#historyStart, this.newest + 1 - count - MAX_BETWEEN);
    let found = 0;
    for (let id = this.newest; id >= Math.max(start, oldest); id--) {
      if (this.#queue.at(id)?.messageType === "message" && ++found === count) return id - 1;
    }
    const first = start < oldest ? this.#archive?.fromLast(oldest, count - found) : undefined;
    return Math.max(first ?? this.#queue.earliest(), start) - 1;
  }

  /** Returns the last `count` messages that are retained, oldest first. */
  lastMessages(count: number): RoomMessage[] {
    const messages: RoomMessage[] = [];
    for (let id = this.newest; id >= this.#historyStart && messages.length < count; id--) {
      const event = this.#queue.at(id);
      if (!event) break;
      if (event.messageType === "message") messages.unshift(event);
    }
    const more = count - messages.length;
    if (!this.#archive || more <= 0) return messages;
    return [...this.#archive.lastMessages(this.#queue.oldest, more), ...messages];
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

  /** Returns the id of the message with that `ref` of `owner`, if it is still retained or stored. */
  idOf(owner: string, ref: string): number | undefined {
    return this.#refs.get(refKey(owner, ref)) ?? this.#archive?.idOf(owner, ref);
  }

  /** Tells whether a message with that `ref` of `owner` still has to be stored: its answer will come. */
  isStaged(owner: string, ref: string): boolean {
    return this.#stagedRefs.has(refKey(owner, ref));
  }

  /** Publishes what `speaker` says, whose `ref` is new here, once it is stored. */
  publish(message: RoomMessage, speaker?: Speaker): void {
    this.#append(message, speaker);
  }

  /** Returns what is staged, under the ids that it will have. */
  page(): Page {
    const events = this.#staged.map(({ event }) => event);
    const refOwners = this.#staged.map(({ speaker }) => speaker?.refOwner ?? "");
    return { room: this.name, first: this.newest + 1, events, refOwners };
  }

  /** Publishes what was staged. */
  accept(): void {
    const staged = this.#staged;
    this.#staged = [];
    this.#stagedRefs.clear();
    for (const { event, speaker } of staged) {
      const id = this.#publish(event, speaker);
      if (event.messageType !== "message" || event.ref === undefined) continue;
      if (speaker && speaker.room !== this) speaker.acknowledge(event.ref, id);
    }
  }

  /**
   * Drops what was said, and tells who said it. Who came and went is kept to be told later; of too
   * many, only how many are here.
   */
  refuse(reason: string): boolean {
    const staged = this.#staged;
    this.#stagedRefs.clear();
    const told = staged.filter(({ event }) => event.messageType !== "message");
    this.#staged = this.count === 0 ? [] : told;
    if (this.#staged.length > CROWD) {
      const event = {
        messageType: "presence",
        time: this.#clock.now(),
        count: this.count,
      } as const;
      this.#staged = [{ event, speaker: undefined }];
    }
    const hasMore = this.#staged.length > 0;
    for (const { event, speaker } of staged) {
      if (event.messageType === "message") speaker?.notStored(event, reason);
    }
    return hasMore;
  }

  #forgetNames(): void {
    this.#names = undefined;
    this.#listed = undefined;
  }

  #tell(messageType: "join" | "leave" | "rename", member: Member, from: string): void {
    if (this.#isBusy() || this.count > CROWD) return this.#tellPresence();
    const event = { messageType, time: this.#clock.now(), from, address: member.address };
    this.#append(messageType === "rename" ? { ...event, data: member.name } : event);
  }

  /** Counts a join, leave or rename. Returns whether there are too many to be told one by one. */
  #isBusy(): boolean {
    const now = this.#clock.elapsed();
    this.#changes.push(now);
    while (this.#changes.length > MAX_CHANGES + 1) this.#changes.shift();
    const [first = now] = this.#changes;
    return this.#changes.length > MAX_CHANGES && now - first < CHANGE_TIME;
  }

  #tellPresence(): void {
    if (this.count === 0) return;
    const isCrowd = this.count > CROWD;
    const interval = isCrowd ? Math.max(PRESENCE_INTERVAL, this.count) : QUIET_INTERVAL;
    const due = this.#clock.elapsed() + interval;
    if (this.#cancelPresence && this.#presenceDue <= due) return;
    this.#cancelPresence?.();
    this.#presenceDue = due;
    this.#cancelPresence = this.#clock.after(interval, () => {
      this.#cancelPresence = undefined;
      this.#append({ messageType: "presence", time: this.#clock.now(), count: this.count });
    });
  }

  #append(event: RoomEvent, speaker?: Speaker): void {
    if (!this.#journal) return void this.#publish(event, speaker);
    this.#staged.push({ event, speaker });
    if (event.messageType === "message" && event.ref !== undefined && speaker) {
      this.#stagedRefs.add(refKey(speaker.refOwner, event.ref));
    }
    this.#journal.stage(this);
  }

  /** Has those who wait woken at the end of this turn, and measures how long that takes. */
  #schedule(wake: () => void): void {
    const begun = this.#clock.elapsed();
    const flush = (): void => {
      wake();
      this.#counters.flush.observe(this.#clock.elapsed() - begun);
    };
    if (this.#journal) this.#journal.schedule(flush);
    else setImmediate(flush);
  }

  #publish(event: RoomEvent, speaker?: Speaker): number {
    const { oldest } = this.#queue;
    const overwritten = this.#queue.at(oldest);
    const id = this.#queue.publish(event);
    this.#size += sizeOf(event);
    if (event.messageType === "message") {
      this.#counters.published++;
      if (event.ref !== undefined && speaker) {
        this.#remember(id, refKey(speaker.refOwner, event.ref));
      }
    }
    if (this.#queue.oldest > oldest && overwritten) this.#forget(oldest, overwritten);
    return id;
  }

  #remember(id: number, key: string): void {
    this.#refs.set(key, id);
    this.#refKeys.set(id, key);
  }

  /** Takes note that an event is in the ring no longer. */
  #forget(id: number, event: RoomEvent): void {
    this.#size -= sizeOf(event);
    const key = this.#refKeys.get(id);
    if (key === undefined) return;
    this.#refKeys.delete(id);
    this.#refs.delete(key);
  }
}
