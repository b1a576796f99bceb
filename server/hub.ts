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
  MAX_TEXT_BYTES,
  nameKey,
  type Private,
  ProtocolError,
  type Rooms,
  SERVER_NAME,
} from "../protocol.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import { keysOf, Looks } from "./looks.ts";
import { Counters } from "./metrics.ts";
import { type Member, Room } from "./room.ts";
import { Sanctions } from "./sanctions.ts";
import type { Store } from "./store.ts";
import { type Bucket, Buckets, DEFAULT_BURST, DEFAULT_RATE } from "./throttle.ts";
import type { Identity, Tokens } from "./tokens.ts";

/** How long a session can be resumed after its connection ended, in milliseconds. */
export const RESUME_TIME = 3_600_000;

/** The most ended sessions that are remembered; the one that ended first is forgotten first. */
export const MAX_ENDED = 10_000;

/**
 * The most empty rooms whose events are kept, for those who resume; for everyone else they are
 * gone. The one that has been empty longest is forgotten first.
 */
export const MAX_EMPTY_ROOMS = 16;

/**
 * How much their events may take together, in UTF-16 units; the one that emptied last stays, however
 * much it has.
 */
export const MAX_EMPTY_SIZE = 8_388_608;

/** The most forgotten rooms whose last ids are known, so that there they go on. */
export const MAX_FORGOTTEN_ROOMS = 10_000;

/** The names that nobody gets. */
const RESERVED = new Looks<undefined>();
RESERVED.add(SERVER_NAME, undefined);

/** Up to this number a taken name is numbered without a gap. */
const GAPLESS = 20;

/** Default of {@linkcode HubOptions.capacity} and `--capacity`. */
export const DEFAULT_CAPACITY = 1024;

/** Default of {@linkcode HubOptions.history} and `--history`. */
export const DEFAULT_HISTORY = 20;

/** Default of {@linkcode HubOptions.maxRooms} and `--max-rooms`. */
export const DEFAULT_MAX_ROOMS = 1_000;

/** Someone who takes part: a member of a room who can be spoken to and sent away. */
export interface Participant extends Member {
  name: string;
  readonly room: Room | undefined;
  /** Knows them again on another connection; empty for one who cannot come back. */
  readonly refOwner: string;
  /** Whose token they came in with, if tokens are needed. */
  readonly identity: Identity | undefined;
  /** Hands over a private message of `sender`. Returns whether it went out. */
  tell(message: Private, sender: Participant): boolean;
  /** Tells those who wrote to them lately that it may not have arrived. */
  doubt(): void;
  /** Tells them a sentence of the server's. */
  notify(text: string): void;
  /**
   * Sends the person away, with a WebSocket close code and a reason without a full stop, which is told
   * where close codes are not seen.
   */
  sendAway(code: number, reason: string): void;
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
  /** The id in that room up to which all happened before its owner came, and is not for them. */
  since: number;
  /** The room before, and the same of it. */
  left?: { readonly room: string; readonly since: number };
  /** What limits how fast its owner may go, unless their token does. */
  readonly bucket: Bucket;
  /** The connection that has it; undefined when that has ended. */
  holder: Participant | undefined;
  /** When it stops being valid, in milliseconds since 1970; undefined while it has a holder. */
  expires: number | undefined;
}

/** Someone who is connected, whether they take part yet or not. */
export interface Guest extends Participant {
  /** The name of the dialect that they speak. */
  readonly dialect: string;
  /**
   * Takes note that there are other tokens. Returns how they go on under another name, if they must;
   * who may not stay is sent away.
   */
  review(): (() => void) | undefined;
}

/** Settings of a {@linkcode Hub}. */
export interface HubOptions {
  /** Events that each room retains. Default {@linkcode DEFAULT_CAPACITY}. */
  readonly capacity?: number | undefined;
  /** Events that a newcomer gets. Default {@linkcode DEFAULT_HISTORY}. */
  readonly history?: number | undefined;
  /** The most rooms with people in them. Default {@linkcode DEFAULT_MAX_ROOMS}. */
  readonly maxRooms?: number | undefined;
  /** The most bytes of a message. Default, and most, {@linkcode MAX_TEXT_BYTES}. */
  readonly maxMessage?: number | undefined;
  /** Tokens a second of each sender: see {@linkcode Buckets}. Default {@linkcode DEFAULT_RATE}. */
  readonly rate?: number | undefined;
  /** Tokens that each sender has at first, and at most. Default {@linkcode DEFAULT_BURST}. */
  readonly burst?: number | undefined;
  /** Who may come in. Default: everybody. */
  readonly tokens?: Tokens | undefined;
  /** Whether nobody is told another's address. Default: they are. */
  readonly hideAddresses?: boolean | undefined;
  /** Takes the log lines. Default: nobody. */
  readonly log?: Log | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Keeps what happens over a restart. {@linkcode Hub.close} lets go of it. Default: nothing. */
  readonly store?: Store | undefined;
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
  /** Names this run of the server, or the history that its store has. */
  readonly epoch: string;
  /** Events that a newcomer gets. */
  readonly history: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly maxMessage: number;
  /** What limits how fast each sender and each address may go. */
  readonly buckets: Buckets;
  readonly hidesAddresses: boolean;
  readonly sanctions: Sanctions;
  /** Everyone who is connected, whether they take part yet or not. */
  readonly connected = new Set<Guest>();
  /**
   * Whether everyone is being sent away: nothing more is taken from them, and nobody is told any more
   * who leaves.
   */
  isClosing = false;
  #tokens: Tokens | undefined;
  readonly #maxRooms: number;
  readonly #capacity: number;
  readonly #journal: Journal | undefined;
  readonly #named = new Map<string, Participant>();
  /** The same, by what their names look like. */
  readonly #looks = new Looks<Participant>();
  /** The key of the token with which somebody last had a name that no token gives. */
  readonly #lastTokens = new Map<string, string>();
  /** Rooms with people in them. */
  readonly #rooms = new Map<string, Room>();
  /** Rooms without people, the longest empty first. */
  readonly #emptyRooms = new Map<string, Room>();
  /** The last ids of rooms that were forgotten, the first forgotten first. */
  readonly #lastIds = new Map<string, number>();
  /** No room that is not even there had a higher id, so in a new room no id comes twice. */
  #highestForgotten = 0;
  /** Where to go on numbering names that very many want. */
  readonly #nextNumbers = new Map<string, number>();
  readonly #passes = new Map<string, Pass>();
  /** Passes without a holder, the first ended first. */
  readonly #ended = new Set<Pass>();
  #guests = 0;

  /**
   * Creates a hub without rooms.
   *
   * @throws {StoreError} If it has a store that cannot be read.
   */
  constructor(options: HubOptions = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.#maxRooms = options.maxRooms ?? DEFAULT_MAX_ROOMS;
    this.#tokens = options.tokens;
    this.history = options.history ?? DEFAULT_HISTORY;
    this.maxMessage = options.maxMessage ?? MAX_TEXT_BYTES;
    this.hidesAddresses = options.hideAddresses ?? false;
    this.log = options.log ?? (() => {});
    this.clock = options.clock ?? systemClock;
    const { rate = DEFAULT_RATE, burst = DEFAULT_BURST } = options;
    this.buckets = new Buckets({ clock: this.clock, rate, burst });
    this.counters = new Counters();
    this.sanctions = new Sanctions({ clock: this.clock, store: options.store });
    this.#journal = options.store && new Journal(options.store, this);
    this.epoch = options.store?.epoch ?? randomId();
  }

  /** Who may come in; undefined if everybody may. */
  get tokens(): Tokens | undefined {
    return this.#tokens;
  }

  /** Has other tokens be valid from now on, for those who are in, too. */
  useTokens(tokens: Tokens): void {
    this.#tokens = tokens;
    this.buckets.retain((key) => tokens.get(key) !== undefined);
    const moves = Array.from(this.connected, (guest) => guest.review());
    for (const move of moves) move?.();
  }

  /** Tells whether a room can be opened, or is open. */
  hasRoomFor(name: string = DEFAULT_ROOM): boolean {
    return this.#rooms.has(name) || this.#rooms.size < this.#maxRooms;
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

  /**
   * Opens the room with that name, with the ids that it had before. The caller lets someone in.
   *
   * @throws {ProtocolError} If there are too many rooms.
   * @throws {StoreError} If it cannot be told which ids those were.
   */
  openRoom(name: string = DEFAULT_ROOM): Room {
    const open = this.#rooms.get(name);
    if (open) return open;
    if (!this.hasRoomFor(name)) {
      throw new ProtocolError("full", "There are too many rooms. Join one that is there.");
    }
    const empty = this.#emptyRooms.get(name);
    empty?.reopen();
    const room = empty ?? this.#newRoom(name);
    this.#emptyRooms.delete(name);
    this.#rooms.set(name, room);
    return room;
  }

  /** Has stored and published what happened until now, if that waits for the end of this turn. */
  settle(): void {
    this.#journal?.commit();
  }

  /**
   * Calls `goOn` at the end of this turn, if something that has happened is stored and published only
   * then. Returns whether that is so.
   */
  defer(goOn: () => void): boolean {
    if (!this.#journal?.isStaging) return false;
    this.#journal.schedule(goOn);
    return true;
  }

  /** Closes the room if nobody is in it any more. */
  closeIfEmpty(room: Room): void {
    if (room.count > 0) return;
    this.#rooms.delete(room.name);
    this.#emptyRooms.set(room.name, room);
    const isTooMuch = (): boolean => {
      const size = this.#emptyRooms.values().reduce((sum, { size }) => sum + size, 0);
      return this.#emptyRooms.size > MAX_EMPTY_ROOMS || size > MAX_EMPTY_SIZE;
    };
    while (this.#emptyRooms.size > 1 && isTooMuch()) {
      const [oldest] = this.#emptyRooms.values();
      if (oldest) this.#forget(oldest);
    }
  }

  /** Returns whoever has that name, in whatever room. */
  find(name: string): Participant | undefined {
    return this.#named.get(nameKey(name));
  }

  /** Returns the key of the token with which somebody has that name, or had it last, if it is known. */
  tokenOf(name: string): string | undefined {
    const owner = this.find(name)?.identity ?? this.#tokens?.ownerOf(name);
    return owner?.key ?? this.#lastTokens.get(nameKey(name));
  }

  /**
   * Gives `participant` the name that goes with their token, or the valid name `wanted`, or the
   * nearest that is free. Its old name becomes free. Who `resumes` had that name before.
   */
  claim(participant: Participant, wanted: string, resumes = false): void {
    this.release(participant);
    const { identity } = participant;
    const name = this.#nearestFree(identity?.name ?? wanted, identity, resumes);
    this.#named.set(nameKey(name), participant);
    this.#looks.add(name, participant);
    participant.name = name;
    if (identity && identity.name === undefined) this.#rememberToken(name, identity);
  }

  /** Gives `participant` a name of the form `guest-N`, with a number that nobody had before. */
  claimGuestName(participant: Participant): void {
    const next = (): string => `guest-${++this.#guests}`;
    let name = next();
    while (!this.#isFree(name, undefined) || this.#isSanctioned(name)) name = next();
    this.claim(participant, name);
  }

  /** Makes the name of `participant` free, if it still has it. */
  release(participant: Participant): void {
    const key = nameKey(participant.name);
    if (this.#named.get(key) !== participant) return;
    this.#named.delete(key);
    this.#looks.remove(participant.name, participant);
  }

  /** Returns a new pass for `holder`. */
  issue(holder: Participant): Pass {
    const bucket = this.buckets.create();
    const pass = {
      secret: randomId(),
      name: "",
      room: "",
      since: 0,
      bucket,
      holder,
      expires: undefined,
    };
    this.#passes.set(pass.secret, pass);
    return pass;
  }

  /**
   * Returns the pass with that secret, or undefined if it is unknown, expired or of an unknown epoch.
   */
  redeem(secret: string | undefined, epoch: string | undefined): Pass | undefined {
    if (secret === undefined || epoch === undefined) return undefined;
    if (this.reached(epoch, DEFAULT_ROOM) === undefined) return undefined;
    this.#forgetExpired();
    return this.#passes.get(secret) ?? this.#recall(secret);
  }

  /**
   * Returns the id up to which what was seen of a room in an epoch is what this server has; undefined if
   * the epoch is unknown.
   */
  reached(epoch: string, room: string): number | undefined {
    if (epoch === this.epoch) return this.#rooms.get(room)?.newest ?? Infinity;
    return this.#journal?.reached(epoch, room);
  }

  /** Makes `holder` the one who has the pass. */
  transfer(pass: Pass, holder: Participant): void {
    pass.holder = holder;
    pass.expires = undefined;
    this.#ended.delete(pass);
  }

  /** Takes note of what a pass gives back, so that it does so after a restart too. */
  save(pass: Pass): void {
    this.#journal?.save(pass);
  }

  /**
   * Takes note that the holder's connection ended: the pass stays valid for {@linkcode
   * RESUME_TIME}.
   */
  retire(pass: Pass): void {
    pass.holder = undefined;
    pass.expires = this.clock.now() + RESUME_TIME;
    this.#ended.add(pass);
    this.save(pass);
    this.#forgetExpired();
  }

  /** Sends everyone away because the server is shutting down. */
  closeAll(): void {
    this.isClosing = true;
    for (const each of this.connected) each.close(CloseCode.shuttingDown, "Server shutting down");
  }

  /** Lets go of the store, once everyone is gone. */
  close(): void {
    this.sanctions.close();
    this.#journal?.close();
  }

  /** @throws {StoreError} If it cannot be told which ids the room has given. */
  #newRoom(name: string): Room {
    const journal = this.#journal;
    const newest = journal?.archive(name).newest() ??
      this.#lastIds.get(name) ?? this.#highestForgotten;
    this.#lastIds.delete(name);
    const { clock, counters } = this;
    const capacity = this.#capacity;
    return new Room(name, { clock, capacity, first: newest + 1, journal, counters });
  }

  #forget(room: Room): void {
    this.#emptyRooms.delete(room.name);
    // A journal knows all ids by itself, once those are stored that this room still has to give.
    if (this.#journal) return this.#journal.release(room);
    this.#lastIds.set(room.name, room.newest);
    const [oldest] = this.#lastIds;
    if (!oldest || this.#lastIds.size <= MAX_FORGOTTEN_ROOMS) return;
    const [name, lastId] = oldest;
    this.#lastIds.delete(name);
    this.#highestForgotten = Math.max(this.#highestForgotten, lastId);
  }

  /** Returns the pass that was stored before a restart, or forgotten since. */
  #recall(secret: string): Pass | undefined {
    const stored = this.#journal?.pass(secret);
    if (!stored) return undefined;
    const pass = { ...stored, bucket: this.buckets.create(), holder: undefined };
    this.#passes.set(secret, pass);
    this.#ended.add(pass);
    return pass;
  }

  #forgetExpired(): void {
    const now = this.clock.now();
    for (const pass of this.#ended) {
      const hasExpired = pass.expires !== undefined && pass.expires <= now;
      if (!hasExpired && this.#ended.size <= MAX_ENDED) return;
      this.#ended.delete(pass);
      this.#passes.delete(pass.secret);
      this.#journal?.drop(pass);
    }
  }

  #nearestFree(wanted: string, identity: Identity | undefined, resumes: boolean): string {
    if (this.#isFree(wanted, identity) && (resumes || !this.sanctions.hasLike(wanted))) {
      return wanted;
    }
    const keys = keysOf(wanted);
    for (let number = 2;; number++) {
      // To count past thousands of namesakes for each newcomer would cost the square of them.
      if (number === GAPLESS) {
        number = Math.max(number, ...keys.map((key) => this.#nextNumbers.get(key) ?? 0));
      }
      const name = withSuffix(wanted, `-${number}`);
      if (!this.#isFree(name, identity) || this.#isSanctioned(name)) continue;
      if (number >= GAPLESS) this.#rememberNumber(keys, number + 1);
      return name;
    }
  }

  /**
   * Tells whether nobody has that name or one that looks like it, and neither the server nor a token of
   * others does. A name that a token gives is its owner's whatever it looks like.
   */
  #isFree(name: string, identity: Identity | undefined): boolean {
    if (this.#named.has(nameKey(name))) return false;
    if (identity?.name !== undefined) return true;
    return !RESERVED.has(name) && !this.#tokens?.hasLike(name) && !this.#looks.has(name);
  }

  /** Tells whether a name is banned or muted: who did not ask for it is not to have it. */
  #isSanctioned(name: string): boolean {
    const kinds = ["ban", "mute"] as const;
    return this.sanctions.hasLike(name) ||
      kinds.some((kind) => this.sanctions.secondsLeft({ kind, name }) > 0);
  }

  #rememberNumber(keys: readonly string[], number: number): void {
    if (this.#nextNumbers.size >= MAX_ENDED) this.#nextNumbers.clear();
    for (const key of keys) this.#nextNumbers.set(key, number);
  }

  #rememberToken(name: string, { key: token }: Identity): void {
    const key = nameKey(name);
    this.#lastTokens.delete(key);
    this.#lastTokens.set(key, token);
    const [oldest] = this.#lastTokens.keys();
    if (this.#lastTokens.size > MAX_ENDED && oldest !== undefined) this.#lastTokens.delete(oldest);
  }
}
