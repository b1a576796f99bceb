/**
 * The hub: the names that are taken, the rooms there are, and the secrets with which a client
 * resumes. Everything that sessions share.
 *
 * @module
 */

import {
  CloseCode,
  DEFAULT_ROOM,
  MAX_LISTED,
  MAX_NAME_LENGTH,
  nameKey,
  type Private,
  type Rooms,
  SERVER_NAME,
} from "../protocol.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Log } from "./log.ts";
import { type Member, Room } from "./room.ts";

/** How long a session can be resumed after its connection ended, in milliseconds. */
export const RESUME_TIME = 3_600_000;

/** The most ended sessions that are remembered; the one that ended first is forgotten first. */
export const MAX_ENDED = 10_000;

/**
 * The most empty rooms that are remembered with their events, for those who come back. They count
 * as gone for everyone else; the one that has been empty longest is forgotten first.
 */
export const MAX_EMPTY_ROOMS = 64;

/** Default of {@linkcode HubOptions.capacity} and `--capacity`. */
export const DEFAULT_CAPACITY = 1024;

/** Default of {@linkcode HubOptions.history} and `--history`. */
export const DEFAULT_HISTORY = 20;

/** Someone who takes part: a member of a room who can be spoken to and sent away. */
export interface Participant extends Member {
  name: string;
  readonly room: Room | undefined;
  /** Hands over a private message. Returns whether it went out. */
  tell(message: Private): boolean;
  /** Makes way for another connection of the same person, without a `leave`. */
  makeWay(): void;
  /** Sends the person away, with a WebSocket close code. */
  close(code: number, reason: string): void;
}

/** What lets a person come back: the `session` of a welcome, and what it stands for. */
export interface Pass {
  readonly secret: string;
  name: string;
  room: string;
  /** The connection that has it; undefined when that has ended. */
  holder: Participant | undefined;
  /**
   * When it stops being valid, in the clock's elapsed milliseconds; only counts without a holder.
   */
  expires: number;
}

/** Counts since the start. */
export interface Counters {
  /** Connections that were opened. */
  opened: number;
  /** Messages that were published. */
  published: number;
  /** Events handed to a connection, counted once for each. */
  delivered: number;
  /** Events that were overwritten before a connection came to them, counted once for each. */
  missed: number;
}

/** Settings of a {@linkcode Hub}. */
export interface HubOptions {
  /** Events that each room retains. Default {@linkcode DEFAULT_CAPACITY}. */
  readonly capacity?: number | undefined;
  /** Events that a newcomer gets. Default {@linkcode DEFAULT_HISTORY}. */
  readonly history?: number | undefined;
  /** Takes the log lines. Default: nobody. */
  readonly log?: Log | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/** Returns 128 random bits in hexadecimal. */
function randomId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/** Returns `name` with `suffix`, shortened before it if the whole would be too long for a name. */
function withSuffix(name: string, suffix: string): string {
  return Array.from(name).slice(0, MAX_NAME_LENGTH - suffix.length).join("") + suffix;
}

/** What all sessions of one server share. */
export class Hub {
  /** Names this run of the server. */
  readonly epoch: string = randomId();
  /** Events that a newcomer gets. */
  readonly history: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly counters: Counters = { opened: 0, published: 0, delivered: 0, missed: 0 };
  /** Everyone who is connected, whether they take part yet or not. */
  readonly connected = new Set<Pick<Participant, "close">>();
  /** Whether everyone is being sent away: nobody is told any more who leaves. */
  isClosing = false;
  readonly #capacity: number;
  readonly #named = new Map<string, Participant>();
  /** Rooms with people in them. */
  readonly #rooms = new Map<string, Room>();
  /** Rooms without people, the longest empty first. */
  readonly #emptyRooms = new Map<string, Room>();
  /**
   * No room that was forgotten had a higher id, so in a room that is made from here on no id comes
   * twice.
   */
  #highestForgotten = 0;
  readonly #passes = new Map<string, Pass>();
  /** Passes without a holder, the first ended first. */
  readonly #ended = new Set<Pass>();
  #guests = 0;

  /** Creates a hub without rooms. */
  constructor(options: HubOptions = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.history = options.history ?? DEFAULT_HISTORY;
    this.log = options.log ?? (() => {});
    this.clock = options.clock ?? systemClock;
  }

  /** How many rooms have people in them. */
  get roomCount(): number {
    return this.#rooms.size;
  }

  /** Returns the list of rooms with people in them. */
  rooms(): Rooms {
    const rooms = Array.from(this.#rooms.values()).slice(0, MAX_LISTED);
    return {
      messageType: "rooms",
      dataArray: rooms.map((room) => room.name),
      counts: rooms.map((room) => room.count),
      count: this.roomCount,
    };
  }

  /** Opens the room with that name, as it was if it is known. The caller lets someone in. */
  openRoom(name: string = DEFAULT_ROOM): Room {
    let room = this.#rooms.get(name) ?? this.#emptyRooms.get(name);
    room ??= new Room(name, {
      clock: this.clock,
      capacity: this.#capacity,
      first: this.#highestForgotten + 1,
    });
    this.#emptyRooms.delete(name);
    this.#rooms.set(name, room);
    return room;
  }

  /** Closes the room if nobody is in it any more. */
  closeIfEmpty(room: Room): void {
    if (room.count > 0) return;
    this.#rooms.delete(room.name);
    this.#emptyRooms.set(room.name, room);
    if (this.#emptyRooms.size <= MAX_EMPTY_ROOMS) return;
    const [oldest] = this.#emptyRooms.values();
    if (!oldest) return;
    this.#emptyRooms.delete(oldest.name);
    this.#highestForgotten = Math.max(this.#highestForgotten, oldest.newest);
  }

  /** Returns whoever has that name, in whatever room. */
  find(name: string): Participant | undefined {
    return this.#named.get(nameKey(name));
  }

  /**
   * Gives `participant` the valid name `wanted`, or the nearest that is free. Its old name becomes
   * free.
   */
  claim(participant: Participant, wanted: string): void {
    this.release(participant);
    const name = this.#nearestFree(wanted);
    this.#named.set(nameKey(name), participant);
    participant.name = name;
  }

  /** Gives `participant` a name of the form `guest-N`, with a number that nobody had before. */
  claimGuestName(participant: Participant): void {
    do this.#guests++; while (this.find(`guest-${this.#guests}`));
    this.claim(participant, `guest-${this.#guests}`);
  }

  /** Makes the name of `participant` free, if it still has it. */
  release(participant: Participant): void {
    const key = nameKey(participant.name);
    if (this.#named.get(key) === participant) this.#named.delete(key);
  }

  /** Returns a new pass for `holder`. */
  issue(holder: Participant): Pass {
    const pass = { secret: randomId(), name: "", room: "", holder, expires: Infinity };
    this.#passes.set(pass.secret, pass);
    return pass;
  }

  /**
   * Returns the pass with that secret, or undefined if it is unknown, expired or of another run of
   * the server.
   */
  redeem(secret: string | undefined, epoch: string | undefined): Pass | undefined {
    if (secret === undefined || epoch !== this.epoch) return undefined;
    this.#forgetExpired();
    return this.#passes.get(secret);
  }

  /** Makes `holder` the one who has the pass. */
  transfer(pass: Pass, holder: Participant): void {
    pass.holder = holder;
    this.#ended.delete(pass);
  }

  /**
   * Takes note that the holder's connection ended: the pass stays valid for {@linkcode
   * RESUME_TIME}.
   */
  retire(pass: Pass): void {
    pass.holder = undefined;
    pass.expires = this.clock.elapsed() + RESUME_TIME;
    this.#ended.add(pass);
    this.#forgetExpired();
  }

  /** Sends everyone away because the server is shutting down. */
  closeAll(): void {
    this.isClosing = true;
    for (const each of this.connected) each.close(CloseCode.shuttingDown, "Server shutting down");
  }

  #forgetExpired(): void {
    for (const pass of this.#ended) {
      const isValid = pass.expires > this.clock.elapsed() && this.#ended.size <= MAX_ENDED;
      if (isValid) return;
      this.#ended.delete(pass);
      this.#passes.delete(pass.secret);
    }
  }

  #nearestFree(wanted: string): string {
    for (let number = 1;; number++) {
      const name = number === 1 ? wanted : withSuffix(wanted, `-${number}`);
      const key = nameKey(name);
      if (key !== SERVER_NAME && !this.#named.has(key)) return name;
    }
  }
}
